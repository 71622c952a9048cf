/* The frame: signing in, the navigation, and which view is shown. */

import {get, post, useKey} from './api.js';
import {fill, h, labelled, toast} from './dom.js';
import {activity, notification} from './activity.js';
import {deadLetters} from './dead_letters.js';
import {keys} from './keys.js';
import {send} from './send.js';
import {templateEditor, templates} from './templates.js';
import {webhooks} from './webhooks.js';

const page = document.getElementById('page');

/* The first pattern that matches the address's hash wins; what it captures goes to the view. */
const views = [
  {pattern: /^#\/activity\/([0-9a-f-]{36})$/, view: notification, tab: '#/activity'},
  {pattern: /^#\/templates\/(\d+|new)$/, view: templateEditor, tab: '#/templates'},
  {pattern: /^#\/templates$/, view: templates, tab: '#/templates'},
  {pattern: /^#\/send$/, view: send, tab: '#/send'},
  {pattern: /^#\/dead-letters$/, view: deadLetters, tab: '#/dead-letters'},
  {pattern: /^#\/keys$/, view: keys, tab: '#/keys'},
  {pattern: /^#\/webhooks$/, view: webhooks, tab: '#/webhooks'},
  {pattern: /^/, view: activity, tab: '#/activity'},
];

const tabs = [
  ['#/activity', 'Activity'],
  ['#/send', 'Send'],
  ['#/templates', 'Templates'],
  ['#/dead-letters', 'Dead letters'],
  ['#/webhooks', 'Webhooks'],
  ['#/keys', 'API keys'],
];

let tenant = null;
/* Ends what the shown view still does (timers); views get it as a signal. */
let leaving = new AbortController();

async function show() {
  if (!tenant) {
    showSignIn();
    return;
  }
  leaving.abort();
  leaving = new AbortController();
  const {pattern, view, tab} = views.find((entry) => entry.pattern.test(location.hash));
  const main = h('main', {});
  fill(page,
    h('header', {},
      h('a', {class: 'brand', href: '#/activity'}, h('img', {src: 'icon.svg', alt: ''}), 'Celeriac'),
      h('nav', {}, tabs.map(([href, text]) =>
        h('a', {href, 'aria-current': href === tab ? 'page' : null}, text))),
      h('span', {class: 'grow'}),
      h('span', {class: 'tenant', title: tenant.email}, tenant.name),
      h('button', {class: 'quiet', onclick: signOut}, 'Forget key')),
    main);
  try {
    await view(main, leaving.signal, ...pattern.exec(location.hash).slice(1));
  } catch (error) {
    fill(main, h('p', {class: 'notice bad'}, error.message));
  }
}

function signOut() {
  leaving.abort();
  useKey('');
  tenant = null;
  location.hash = '';
  showSignIn();
}

async function signIn(key) {
  useKey(key);
  try {
    tenant = await get('/v1/tenants/me/');
  } catch (error) {
    useKey('');
    throw error;
  }
  await show();
}

/* A new key is shown once, and only on this page. */
function showNewTenant(made) {
  fill(page, h('section', {class: 'card gate'},
    h('h1', {}, `Welcome, ${made.tenant.name}`),
    h('p', {}, 'This is your API key. It is shown this once: keep it where your programs find it.'),
    h('code', {class: 'secret', id: 'new-key'}, made.api_key.key),
    h('button', {class: 'main', onclick: () => signIn(made.api_key.key)}, 'Go on with this key')));
}

function showSignIn() {
  const key = h('input', {type: 'password', id: 'key', autocomplete: 'off', required: true, placeholder: 'sk_live_…'});
  const name = h('input', {id: 'tenant-name', required: true, maxlength: 255});
  const email = h('input', {id: 'tenant-email', type: 'email', required: true, maxlength: 254});
  const guarded = (work) => async (event) => {
    event.preventDefault();
    try {
      await work();
    } catch (error) {
      toast(error.message, 'bad');
    }
  };
  fill(page, h('div', {class: 'gates'},
    h('section', {class: 'card gate'},
      h('h1', {}, h('img', {src: 'icon.svg', alt: ''}), 'Celeriac'),
      h('p', {}, 'Notifications of one tenant: what was sent, what failed, and why.'),
      h('form', {onsubmit: guarded(() => signIn(key.value.trim()))},
        labelled('API key', key, 'Kept in the memory of this page only.'),
        h('button', {class: 'main', id: 'sign-in'}, 'Open'))),
    h('section', {class: 'card gate'},
      h('h2', {}, 'New here?'),
      h('form', {onsubmit: guarded(async () =>
        showNewTenant(await post('/v1/tenants/register/', {name: name.value, email: email.value})))},
        labelled('Name', name), labelled('Email', email),
        h('button', {id: 'register'}, 'Register a tenant')),
      h('p', {}, 'Programs talk to the same API: ', h('a', {href: '/docs/'}, 'its reference'), '.'))));
  key.focus();
}

addEventListener('hashchange', show);
show();
