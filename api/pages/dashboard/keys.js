/* API keys: making, rotating, switching off. */

import {get, post} from './api.js';
import {badge, fill, h, table, toast, when} from './dom.js';

export async function keys(main, signal) {
  const news = h('div', {});
  const list = h('div', {});
  const name = h('input', {id: 'key-name', maxlength: 100, placeholder: 'Name', 'aria-label': 'Name'});
  const isTest = h('input', {type: 'checkbox', id: 'key-test'});

  function showNew(made) {
    fill(news, h('div', {class: 'notice good'}, h('p', {}, made.warning ?? 'It is shown this once.'), h('code', {class: 'secret'}, made.api_key)));
  }

  const guarded = (work) => async (event) => {
    event.preventDefault();
    try {
      await work();
    } catch (error) {
      toast(error.message, 'bad');
    }
    await refresh();
  };
  const make = guarded(async () => showNew(await post('/v1/api-keys/', {...(name.value && {name: name.value}), is_test: isTest.checked})));
  const rotate = (key) => guarded(async () => showNew(await post(`/v1/api-keys/${key.id}/rotate/`)));
  const deactivate = (key) => guarded(async () => {
    if (!confirm(`Switch ${key.name} off? Programs that use it are refused at once.`)) return;
    toast((await post(`/v1/api-keys/${key.id}/deactivate/`)).message);
  });

  async function refresh() {
    const all = await get('/v1/api-keys/');
    if (signal.aborted) return;
    fill(list, table(['Name', '', 'Made', 'Last used', ''], all.map((key) => [
      key.name, badge(key.is_active ? 'active' : 'inactive'), when(key.created_at), when(key.last_used_at),
      key.is_active && h('span', {class: 'buttons'},
        h('button', {onclick: rotate(key)}, 'Rotate'), h('button', {class: 'quiet', onclick: deactivate(key)}, 'Switch off')),
    ]), 'No keys.'));
  }

  fill(main,
    h('form', {class: 'bar', onsubmit: make}, h('h1', {}, 'API keys'), h('span', {class: 'grow'}),
      name, h('label', {class: 'check'}, isTest, ' test key'), h('button', {class: 'main'}, 'Make a key')),
    news, list);
  await refresh();
}
