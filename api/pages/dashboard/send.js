/* Sending one notification by hand. */

import {get, post} from './api.js';
import {choice, fill, h, labelled, toast} from './dom.js';

export async function send(main, signal) {
  const templates = (await get('/v1/templates/')).filter((template) => template.is_active);
  if (signal.aborted) return;
  const byName = new Map(templates.map((template) => [template.name, template]));

  const template = choice([['', 'no template: write it here'], ...templates.map((one) => [one.name, one.name])],
    templates[0]?.name ?? '', {id: 'send-template', onchange: adapt});
  const channel = choice(['email', 'sms', 'whatsapp', 'push'].map((name) => [name, name]), 'email', {id: 'send-channel'});
  const to = h('input', {id: 'send-to', required: true, maxlength: 255});
  const subject = h('input', {id: 'send-subject', maxlength: 255});
  const body = h('textarea', {id: 'send-body', rows: 6});
  const data = h('textarea', {id: 'send-data', rows: 5, spellcheck: 'false'});
  const at = h('input', {id: 'send-at', type: 'datetime-local'});
  const inline = h('div', {}, labelled('Subject', subject, 'Email needs one.'), labelled('Body', body));
  data.value = '{}';

  function adapt() {
    const chosen = byName.get(template.value);
    inline.hidden = Boolean(chosen);
    if (chosen) {
      channel.value = chosen.channel;
      data.value = JSON.stringify(chosen.variables ?? {}, null, 2);
    }
  }

  async function submit(event) {
    event.preventDefault();
    let values;
    try {
      values = JSON.parse(data.value || '{}');
    } catch {
      toast('Data: this is no JSON.', 'bad');
      return;
    }
    const request = {channel: channel.value, to: to.value, data: values};
    if (template.value) request.template = template.value;
    else Object.assign(request, {subject: subject.value, body: body.value});
    if (at.value) request.send_at = new Date(at.value).toISOString();
    try {
      /* A click that is repeated because the network was slow sends once. */
      const accepted = await post('/v1/notify/', request, {'Idempotency-Key': form.dataset.attempt});
      location.hash = `#/activity/${accepted.id}`;
    } catch (error) {
      toast(error.message, 'bad');
      if (error.status) form.dataset.attempt = crypto.getRandomValues(new Uint32Array(4)).join('-');
    }
  }

  const form = h('form', {class: 'card', onsubmit: submit},
    h('div', {class: 'columns'},
      h('div', {}, labelled('Template', template), labelled('Channel', channel),
        labelled('To', to, 'An address, a number in E.164, or a device token.'),
        labelled('Not before', at, 'Empty: at once.')),
      h('div', {}, inline, labelled('Data', data, 'JSON for the template.'))),
    h('button', {class: 'main', id: 'send-now'}, 'Send'));
  form.dataset.attempt = crypto.getRandomValues(new Uint32Array(4)).join('-');
  adapt();
  fill(main, h('h1', {}, 'Send a notification'), form);
}
