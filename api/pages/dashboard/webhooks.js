/* Webhooks: making, trying and switching them, and what was delivered last. */

import {repeat} from './activity.js';
import {call, get, post} from './api.js';
import {badge, fill, h, table, toast, when} from './dom.js';

const SHOWN = 8;

export async function webhooks(main, signal) {
  const news = h('div', {});
  const list = h('div', {});
  const url = h('input', {id: 'webhook-url', type: 'url', required: true, maxlength: 2048, placeholder: 'https://…', 'aria-label': 'Address'});
  const failedOnly = h('input', {type: 'checkbox', id: 'webhook-failed-only'});

  function showSecret(webhook) {
    fill(news, h('div', {class: 'notice good'},
      h('p', {}, `Deliveries to ${webhook.url} are signed with this secret. It is shown this once.`), h('code', {class: 'secret'}, webhook.secret)));
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
  const make = guarded(async () => {
    showSecret(await post('/v1/webhooks/', {url: url.value, ...(failedOnly.checked && {events: ['notification.failed']})}));
    url.value = '';
  });
  const of = (webhook) => `/v1/webhooks/${webhook.id}/`;
  const test = (webhook) => guarded(async () => {
    await post(`${of(webhook)}test/`);
    toast('A test event is on its way.');
  });
  const rotate = (webhook) => guarded(async () => showSecret(await post(`${of(webhook)}rotate-secret/`)));
  const turn = (webhook) => guarded(() => call('PATCH', of(webhook), {is_active: !webhook.is_active}));
  const remove = (webhook) => guarded(async () => {
    if (!confirm(`Delete ${webhook.url}? What was not delivered yet never is.`)) return;
    await call('DELETE', of(webhook));
  });
  const again = (message) => guarded(async () => {
    await post(`/v1/webhook-messages/${message.id}/retry/`);
    toast('It is on its way again.');
  });

  function card(webhook, messages) {
    const trouble = webhook.disabled_reason ?? (webhook.failing_since && h('span', {}, 'Failing since ', when(webhook.failing_since)));
    return h('section', {class: 'card'},
      h('div', {class: 'bar'},
        h('h2', {}, webhook.url, ' ', badge(webhook.is_active ? 'active' : 'inactive')), h('span', {class: 'grow'}),
        h('span', {class: 'buttons'},
          webhook.is_active && h('button', {class: 'test', onclick: test(webhook)}, 'Test'),
          h('button', {onclick: rotate(webhook)}, 'New secret'),
          h('button', {class: 'quiet', onclick: turn(webhook)}, webhook.is_active ? 'Switch off' : 'Switch on'),
          h('button', {class: 'quiet', onclick: remove(webhook)}, 'Delete'))),
      h('p', {}, webhook.events.join(', '), webhook.description && ` · ${webhook.description}`),
      trouble && h('p', {class: 'notice bad'}, trouble),
      table(['Made', 'Event', 'Status', 'Attempts', 'Answer', ''], messages.map((message) => [
        when(message.created_at), message.event, badge(message.status), String(message.attempts),
        message.error ?? (message.response_status ? `HTTP ${message.response_status}` : '–'),
        message.status === 'failed' && webhook.is_active && h('button', {onclick: again(message)}, 'Retry'),
      ]), 'Nothing was to be delivered yet.'));
  }

  async function refresh() {
    const all = await get('/v1/webhooks/');
    const messages = await Promise.all(all.map((webhook) => get(`${of(webhook)}messages/?limit=${SHOWN}`)));
    if (signal.aborted) return;
    fill(list, all.length === 0 && h('p', {class: 'empty'}, 'No webhooks.'), all.map((webhook, i) => card(webhook, messages[i])));
  }

  fill(main,
    h('form', {class: 'bar', onsubmit: make}, h('h1', {}, 'Webhooks'), h('span', {class: 'grow'}),
      url, h('label', {class: 'check'}, failedOnly, ' failures only'), h('button', {class: 'main', id: 'make-webhook'}, 'Add')),
    news, list);
  await repeat(signal, refresh);
}
