/* Calls of the REST API. The key lives in this module's memory, nowhere else: a reload forgets it. */

let key = '';

/** From now on calls are made with this key; '' forgets it. */
export function useKey(text) {
  key = text;
}

/** What the API has refused, with one sentence for people and the document for programs. */
export class Refusal extends Error {
  constructor(status, document) {
    super(sentence(status, document));
    this.status = status;
    this.document = document;
  }
}

/* DRF's documents: {"error": ...}, {"detail": ...}, or {"field": ["sentence", ...]}. */
function sentence(status, document) {
  if (!document || typeof document !== 'object') return `The server answered with status ${status}.`;
  if (typeof document.detail === 'string') return document.detail;
  if (typeof document.error === 'string') return document.error;
  return Object.entries(document)
    .map(([field, texts]) => `${field}: ${Array.isArray(texts) ? texts.join(' ') : JSON.stringify(texts)}`)
    .join(' ');
}

/** Sends a request and returns the answer's document; throws a Refusal or, when there is no answer, an Error. */
export async function call(method, path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: {
        Accept: 'application/json',
        ...(key && {'X-API-KEY': key}),
        ...(body !== undefined && {'Content-Type': 'application/json'}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
    });
  } catch {
    throw new Error('The server cannot be reached.');
  }
  const text = await answer.text();
  let document = null;
  try {
    document = text ? JSON.parse(text) : null;
  } catch {
    throw new Error(`The server's answer with status ${answer.status} is no JSON.`);
  }
  if (!answer.ok) throw new Refusal(answer.status, document);
  return document;
}

export const get = (path) => call('GET', path);
export const post = (path, body = {}, headers = {}) => call('POST', path, body, headers);

/** "?a=1&b=2" of what is neither empty nor null. */
export function query(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}
