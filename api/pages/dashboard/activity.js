/* The feed of notifications, and one of them with its history. */

import {get, post, query} from './api.js';
import {badge, choice, fill, h, table, toast, when} from './dom.js';

const CHANNELS = ['email', 'sms', 'whatsapp', 'push'];
const STATUSES = ['pending', 'processing', 'sent', 'delivered', 'failed', 'cancelled'];
const REFRESH_MS = 2000;
const PAGE = 50;

const any = (words, text) => [['', text], ...words.map((word) => [word, word])];

/** Runs work now and every REFRESH_MS while the page is seen, until the signal; one at a time. */
export function repeat(signal, work) {
  return new Promise((resolve, reject) => {
    const turn = async () => {
      if (signal.aborted) return;
      try {
        if (!document.hidden) await work();
        resolve();
      } catch (error) {
        reject(error);
      }
      if (!signal.aborted) setTimeout(turn, REFRESH_MS);
    };
    turn();
  });
}

const row = (item) => ({
  cells: [when(item.created_at), badge(item.status), item.channel, item.to, item.template_name ?? 'inline',
    h('span', {class: 'reason', title: item.error_message}, item.error_message ?? '')],
  onclick: () => { location.hash = `#/activity/${item.id}`; },
});

export async function activity(main, signal) {
  const filters = {status: '', channel: ''};
  const list = h('div', {id: 'feed'});
  const older = h('div', {});
  const more = h('button', {onclick: showOlder}, 'Show older');
  let next = null;
  let hasOlder = false;

  const address = (cursor) => `/v1/notifications/${query({...filters, limit: PAGE})}&cursor=${encodeURIComponent(cursor)}`;
  const show = (target, items, whenEmpty) =>
    fill(target, table(['Accepted', 'Status', 'Channel', 'To', 'Template', 'Last error'], items.map(row), whenEmpty));

  async function refresh() {
    const page = await get(address(''));
    if (signal.aborted) return;
    show(list, page.results, 'No notifications yet.');
    if (!hasOlder) next = page.next_cursor;
    more.hidden = !next;
  }

  async function showOlder() {
    const page = await get(address(next));
    hasOlder = true;
    const target = h('div', {});
    show(target, page.results, 'That is all.');
    older.append(target);
    next = page.next_cursor;
    more.hidden = !next;
  }

  function filter(name, value) {
    filters[name] = value;
    hasOlder = false;
    fill(older);
    refresh().catch((error) => toast(error.message, 'bad'));
  }

  fill(main,
    h('div', {class: 'bar'},
      h('h1', {}, 'Activity'), h('span', {class: 'live', title: `Refreshed every ${REFRESH_MS / 1000} s`}, 'live'),
      h('span', {class: 'grow'}),
      choice(any(STATUSES, 'every status'), '', {id: 'filter-status', 'aria-label': 'Status', onchange: (event) => filter('status', event.target.value)}),
      choice(any(CHANNELS, 'every channel'), '', {id: 'filter-channel', 'aria-label': 'Channel', onchange: (event) => filter('channel', event.target.value)}),
      h('a', {class: 'button main', href: '#/send'}, 'Send one')),
    list, older, h('p', {}, more));
  await repeat(signal, refresh);
}

const EVENTS = {
  accepted: 'Accepted',
  scheduled: 'To be sent',
  failed: 'An attempt failed',
  processing: 'A worker sends it',
  dead_letter: 'Given up: a dead letter',
  cancelled: 'Cancelled',
  sent: 'Sent',
};

function eventItem(event) {
  const detail = event.error ?? event.reason ?? (event.provider_response && JSON.stringify(event.provider_response, null, 2));
  return h('li', {class: event.event},
    h('strong', {}, EVENTS[event.event] ?? event.event), ' ', when(event.at),
    detail && h('pre', {}, detail));
}

const fact = (name, value) => [h('dt', {}, name), h('dd', {}, value)];

export async function notification(main, signal, id) {
  const cancel = async () => {
    await post(`/v1/notifications/${id}/cancel/`).then(() => toast('Cancelled'), (error) => toast(error.message, 'bad'));
    await refresh();
  };

  async function refresh() {
    const [item, events] = await Promise.all([get(`/v1/notifications/${id}/`), get(`/v1/notifications/${id}/history/`)]);
    if (signal.aborted) return;
    fill(main,
      h('div', {class: 'bar'},
        h('h1', {}, 'Notification ', badge(item.status)), h('span', {class: 'grow'}),
        item.status === 'pending' && h('button', {id: 'cancel', onclick: cancel}, 'Cancel'),
        h('a', {class: 'button', href: '#/activity'}, 'Back')),
      h('div', {class: 'columns'},
        h('section', {class: 'card'},
          h('h2', {}, 'What'),
          h('dl', {},
            fact('Id', h('code', {}, item.id)), fact('Channel', item.channel), fact('To', item.to),
            fact('Template', item.template ? h('a', {href: `#/templates/${item.template}`}, item.template_name ?? item.template) : 'inline'),
            fact('Accepted', when(item.created_at)), fact('Sent', when(item.sent_at))),
          h('h3', {}, 'Data'), h('pre', {}, JSON.stringify(item.data, null, 2))),
        h('section', {class: 'card'},
          h('h2', {}, 'History'), h('ol', {class: 'history', id: 'history'}, events.map(eventItem)))));
  }

  await repeat(signal, refresh);
}
