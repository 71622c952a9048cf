/* What was given up, and another try for it. */

import {get, post} from './api.js';
import {fill, h, table, toast, when} from './dom.js';

export async function deadLetters(main, signal) {
  async function attempt(path, body, told) {
    try {
      toast(told(await post(path, body)));
    } catch (error) {
      toast(error.message, 'bad');
    }
    await refresh();
  }

  const retryOne = (letter) => (event) => {
    event.stopPropagation();
    attempt(`/v1/dead-letters/${letter.id}/retry/`, {}, () => 'It is on its way again.');
  };
  const retryAll = () => attempt('/v1/dead-letters/retry/', {}, (done) => `${done.retried} on their way again.`);

  async function refresh() {
    const letters = await get('/v1/dead-letters/?limit=200');
    if (signal.aborted) return;
    fill(main,
      h('div', {class: 'bar'}, h('h1', {}, 'Dead letters'), h('span', {class: 'grow'}),
        letters.length > 0 && h('button', {onclick: retryAll}, 'Retry all')),
      table(['Given up', 'Channel', 'To', 'Retries', 'Reason', ''], letters.map((letter) => ({
        cells: [when(letter.created_at), letter.notification_channel, letter.notification_to, String(letter.retry_count),
          h('span', {class: 'reason', title: letter.reason}, letter.reason),
          h('button', {class: 'retry', onclick: retryOne(letter)}, 'Retry')],
        onclick: () => { location.hash = `#/activity/${letter.notification_id}`; },
      })), 'Nothing was given up.'));
  }

  await refresh();
}
