/* Templates: the list, and an editor that shows what a recipient would read. */

import {call, get, post} from './api.js';
import {badge, choice, fill, h, labelled, table, toast, when} from './dom.js';

/* How long typing must pause before a preview is asked for. */
const PAUSE_MS = 250;

export async function templates(main, signal) {
  const all = await get('/v1/templates/');
  if (signal.aborted) return;
  fill(main,
    h('div', {class: 'bar'}, h('h1', {}, 'Templates'), h('span', {class: 'grow'}),
      h('a', {class: 'button main', id: 'new-template', href: '#/templates/new'}, 'New template')),
    table(['Name', 'Channel', 'Subject', 'Changed', ''], all.map((one) => ({
      cells: [h('strong', {}, one.name), one.channel, one.subject ?? '', when(one.updated_at), one.is_active ? '' : badge('inactive')],
      onclick: () => { location.hash = `#/templates/${one.id}`; },
    })), 'No templates yet.'));
}

const EMPTY = {
  name: '', channel: 'email', subject: 'Hello {{ name }}', variables: {name: 'Jane'}, is_active: true,
  body: 'Hi {{ name }},\n\nwelcome!\n',
};

export async function templateEditor(main, signal, id) {
  const isNew = id === 'new';
  const row = isNew ? EMPTY : await get(`/v1/templates/${id}/`);
  if (signal.aborted) return;
  const typed = {oninput: soon};
  const name = h('input', {id: 'template-name', required: true, maxlength: 255, value: row.name});
  const channel = choice(['email', 'sms', 'whatsapp', 'push'].map((word) => [word, word]), row.channel, {id: 'template-channel'});
  const subject = h('input', {id: 'template-subject', maxlength: 255, value: row.subject ?? '', ...typed});
  const body = h('textarea', {id: 'template-body', rows: 11, spellcheck: 'false', value: row.body, ...typed});
  const data = h('textarea', {id: 'template-data', rows: 6, spellcheck: 'false', value: JSON.stringify(row.variables, null, 2), ...typed});
  const active = h('input', {type: 'checkbox', checked: row.is_active});
  const shown = h('div', {class: 'preview', id: 'preview'});
  const versions = h('div', {id: 'versions'});
  let timer = 0;
  let asked = 0;

  async function preview() {
    const turn = ++asked;
    const show = (...children) => turn === asked && fill(shown, ...children);
    try {
      const made = await post('/v1/templates/preview/', {subject: subject.value, body: body.value, data: JSON.parse(data.value || '{}')});
      show(h('h3', {}, made.subject), h('pre', {}, made.body));
    } catch (error) {
      show(h('p', {class: 'notice bad'}, error instanceof SyntaxError ? 'Sample data: this is no JSON.' : error.message));
    }
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(preview, PAUSE_MS);
  }

  async function save(event) {
    event.preventDefault();
    try {
      const request = {
        name: name.value, channel: channel.value, subject: subject.value || null, body: body.value,
        variables: JSON.parse(data.value || '{}'), is_active: active.checked,
      };
      await (isNew ? post('/v1/templates/', request) : call('PUT', `/v1/templates/${id}/`, request));
      toast(`${request.name} is saved.`);
      location.hash = '#/templates';
    } catch (error) {
      toast(error instanceof SyntaxError ? 'Sample data: this is no JSON.' : error.message, 'bad');
    }
  }

  async function remove() {
    if (!confirm(`Delete ${row.name}? Notifications made from it stay.`)) return;
    try {
      await call('DELETE', `/v1/templates/${id}/`);
      location.hash = '#/templates';
    } catch (error) {
      toast(error.message, 'bad');
    }
  }

  async function restore(version) {
    try {
      await post(`/v1/templates/${id}/restore/`, {version});
      toast(`Version ${version} is in force again.`);
      await templateEditor(main, signal, id);
    } catch (error) {
      toast(error.message, 'bad');
    }
  }

  async function showVersions() {
    const [, ...earlier] = await get(`/v1/templates/${id}/versions/`);
    if (signal.aborted || earlier.length === 0) return;
    fill(versions, h('h2', {}, 'Earlier versions'), table(['Version', 'Since', 'Subject', ''], earlier.map((one) => [
      String(one.version), when(one.written_at), one.subject ?? '',
      h('button', {type: 'button', title: one.body, onclick: () => restore(one.version)}, 'Go back'),
    ])));
  }

  signal.addEventListener('abort', () => clearTimeout(timer));
  fill(main,
    h('form', {onsubmit: save},
      h('div', {class: 'bar'}, h('h1', {}, isNew ? 'New template' : row.name), h('span', {class: 'grow'}),
        !isNew && h('button', {type: 'button', class: 'quiet', onclick: remove}, 'Delete'),
        h('a', {class: 'button', href: '#/templates'}, 'Back'),
        h('button', {class: 'main', id: 'save-template'}, 'Save')),
      h('div', {class: 'columns'},
        h('section', {class: 'card'},
          labelled('Name', name, 'A letter, then letters, digits and underscores.'), labelled('Channel', channel),
          labelled('Subject', subject), labelled('Body', body, 'Jinja2.'),
          labelled('Sample data', data, 'Kept as the template\u2019s variables.'),
          h('label', {class: 'check'}, active, ' may be used')),
        h('div', {class: 'beside'},
          h('section', {class: 'card'}, h('h2', {}, 'As a recipient reads it'), shown), versions))));
  await preview();
  if (!isNew) await showVersions();
}
