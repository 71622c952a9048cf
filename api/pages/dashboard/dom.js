/* Making elements. Text always becomes a text node: what tenants and their recipients wrote is never markup. */

/**
 * An element: h('button', {class: 'main', onclick: f, disabled: true}, 'Send').
 * A property whose name begins with "on" is a listener; null, undefined and false are left out, of children too.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
  return element;
}

/** Replaces all children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** A labelled control; the hint stands below it. */
export function labelled(label, control, hint) {
  return h('label', {class: 'field'}, h('span', {}, label), control, hint && h('small', {}, hint));
}

/** A select of [value, text] pairs. */
export function choice(pairs, chosen, properties = {}) {
  const select = h('select', properties, pairs.map(([value, text]) => h('option', {value}, text)));
  select.value = chosen;
  return select;
}

/** A table; rows are arrays of cells, or {cells, onclick}. */
export function table(heads, rows, whenEmpty) {
  if (rows.length === 0) return h('p', {class: 'empty'}, whenEmpty);
  return h('div', {class: 'scroll'}, h('table', {},
    h('thead', {}, h('tr', {}, heads.map((head) => h('th', {scope: 'col'}, head)))),
    h('tbody', {}, rows.map((row) => {
      const {cells, onclick} = Array.isArray(row) ? {cells: row} : row;
      return h('tr', {class: onclick && 'link', onclick}, cells.map((cell) => h('td', {}, cell)));
    }))));
}

/** "just now" or "3 s ago", with the exact time as its title. */
export function when(iso, now = Date.now()) {
  if (!iso) return '–';
  const at = new Date(iso);
  const seconds = Math.max(0, Math.round((now - at.getTime()) / 1000));
  let text = at.toLocaleString();
  if (seconds < 1) text = 'just now';
  else if (seconds < 60) text = `${seconds} s ago`;
  else if (seconds < 3600) text = `${Math.floor(seconds / 60)} min ago`;
  else if (seconds < 86400) text = `${Math.floor(seconds / 3600)} h ago`;
  return h('time', {datetime: iso, title: iso}, text);
}

/** The coloured word for a status. */
export function badge(status) {
  return h('span', {class: `badge ${status}`}, status);
}

/** Says something for a few seconds at the foot of the page. */
export function toast(text, kind = 'good') {
  const note = h('p', {class: `toast ${kind}`}, text);
  document.getElementById('toasts').append(note);
  setTimeout(() => note.remove(), kind === 'bad' ? 8000 : 4000);
}
