/* The API's reference, made of its own description. Everything is set as text: nothing is parsed as HTML. */
"use strict";

const VERBS = ["get", "post", "put", "patch", "delete"];
const KEY_WORD = "$API_KEY";

let description;

/* An element with attributes and children; a child that is a string becomes text. */
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function resolve(schema) {
  const parts = schema && schema.$ref ? schema.$ref.split("/").slice(1) : null;
  return parts ? parts.reduce((place, part) => place[part], description) : schema;
}

/* A schema in a few words: "string · email", "list of Template". */
function kind(schema) {
  if (!schema) return "no document";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
  if (schema.type === "array") return "list of " + kind(schema.items);
  const words = [[].concat(schema.type || "any JSON").join(" or ")];
  if (schema.format) words.push(schema.format);
  if (schema.enum) words.push(schema.enum.filter((one) => one !== null).join(" | "));
  if (schema.maxLength) words.push("up to " + schema.maxLength);
  if (schema.default !== undefined) words.push("default " + JSON.stringify(schema.default));
  return words.join(" · ");
}

function row(name, schema, required, help) {
  return el("tr", null,
    el("td", null, el("code", null, name), required ? el("span", { class: "must" }, "required") : null),
    el("td", null, help || "", el("div", { class: "kind" }, kind(schema))));
}

/* The members of an object, as a table; what is below them is told by name. */
function members(schema) {
  const object = resolve(schema.type === "array" ? schema.items : schema);
  if (object.additionalProperties) return el("p", { class: "kind" }, object.description);
  const required = object.required || [];
  return el("table", null, ...Object.entries(object.properties || {}).map(
    ([name, value]) => row(name, value, required.includes(name), value.description)));
}

/* A document that would be accepted: the fields with an example. */
function example(schema) {
  const object = resolve(schema);
  const made = {};
  for (const [name, value] of Object.entries(object.properties || {})) {
    if (value.examples) made[name] = value.examples[0];
    else if (value.type === "array" && value.items) made[name] = [example(value.items)];
  }
  return made;
}

function bodySchema(operation) {
  return operation.requestBody ? operation.requestBody.content["application/json"].schema : null;
}

function quoted(text) {
  return "'" + text.replaceAll("'", "'\\''") + "'";
}

function curl(verb, path, operation) {
  const lines = ["curl" + (verb === "get" ? "" : " -X " + verb.toUpperCase()) + " " +
    quoted(new URL("..", location.href).href.replace(/\/$/, "") + path)];
  if (operation.security.length) lines.push(`-H "X-API-KEY: ${KEY_WORD}"`);
  const schema = bodySchema(operation);
  if (schema) {
    lines.push("-H 'Content-Type: application/json'");
    lines.push("-d " + quoted(JSON.stringify(example(schema))));
  }
  return lines.join(" \\\n  ");
}

function copyable(text) {
  const button = el("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return el("div", { class: "copyable" }, el("pre", null, text), button);
}

function answers(operation) {
  return Object.entries(operation.responses).map(([status, answer]) => {
    const content = answer.content && answer.content["application/json"];
    const schema = content ? content.schema : null;
    const choices = schema ? schema.anyOf || [schema] : [];
    const title = el("summary", null, el("strong", { class: status < "300" ? "good" : "bad" }, status), " ",
      answer.description, el("span", { class: "hint" }, kind(schema)));
    return el("details", null, title, ...choices.map(members));
  });
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send(verb, path, operation, form, out, button) {
  const query = new URLSearchParams();
  const headers = {};
  let target = path;
  for (const parameter of operation.parameters || []) {
    const value = form.elements[parameter.in + "-" + parameter.name].value;
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value !== "" && parameter.in === "query") query.set(parameter.name, value);
    else if (value !== "") headers[parameter.name] = value;
  }
  const key = document.getElementById("key").value.trim();
  if (operation.security.length && key) headers["X-API-KEY"] = key;
  const options = { method: verb.toUpperCase(), headers, cache: "no-store", credentials: "omit" };
  if (form.elements.body) {
    headers["Content-Type"] = "application/json";
    options.body = form.elements.body.value;
  }
  button.disabled = true;
  const began = performance.now();
  try {
    const answer = await fetch(".." + target + (query.size ? "?" + query : ""), options);
    const text = await answer.text();
    const took = Math.round(performance.now() - began);
    out.replaceChildren(
      el("p", { class: "verdict" },
        el("strong", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`),
        ` after ${took} ms · request ${answer.headers.get("X-Request-ID") || "without an id"}`),
      text ? el("pre", null, pretty(text)) : el("p", { class: "hint" }, "no document"));
  } catch (error) {
    out.replaceChildren(el("p", { class: "verdict bad" }, String(error)));
  }
  button.disabled = false;
}

function tryIt(verb, path, operation) {
  const schema = bodySchema(operation);
  const button = el("button", { class: "send", type: "submit" }, "Send");
  const out = el("div", { "aria-live": "polite" });
  const form = el("form", { autocomplete: "off" });
  for (const parameter of operation.parameters || []) {
    const input = el("input", { name: parameter.in + "-" + parameter.name, placeholder: kind(parameter.schema) });
    if (parameter.required) input.required = true;
    form.append(el("label", null, parameter.name, input));
  }
  if (schema) {
    const area = el("textarea", { name: "body", spellcheck: "false" });
    area.value = JSON.stringify(example(schema), null, 2);
    form.append(el("label", null, "Body", area));
  }
  form.append(el("div", null, button), out);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(verb, path, operation, form, out, button);
  });
  return el("details", { class: "try" }, el("summary", null, "Try it"), form);
}

function call(verb, path, operation) {
  const schema = bodySchema(operation);
  const inside = el("div", { class: "inside" });
  if (operation.description) inside.append(el("p", null, operation.description));
  if (operation.parameters) {
    inside.append(el("h4", null, "Parameters"), el("table", null, ...operation.parameters.map(
      (one) => row(one.name, one.schema, one.required, one.description || "in the path"))));
  }
  if (schema) inside.append(el("h4", null, "Body"), members(schema));
  inside.append(el("h4", null, "Example"), copyable(curl(verb, path, operation)));
  inside.append(el("h4", null, "Answers"), ...answers(operation), tryIt(verb, path, operation));
  return el("article", { id: operation.operationId },
    el("h3", null, el("span", { class: "verb " + verb }, verb), el("code", null, path), operation.summary,
      el("span", { class: "lock" }, operation.security.length ? "needs a key" : "public")),
    inside);
}

function show() {
  const groups = new Map();
  for (const [path, item] of Object.entries(description.paths)) {
    for (const verb of VERBS.filter((one) => item[one])) {
      const group = item[verb].tags[0];
      groups.set(group, [...(groups.get(group) || []), [verb, path, item[verb]]]);
    }
  }
  const contents = document.getElementById("contents");
  const calls = document.getElementById("calls");
  calls.replaceChildren();
  document.title = description.info.title;
  document.getElementById("title").replaceChildren(description.info.title,
    el("small", null, description.info.version));
  document.getElementById("about").replaceChildren(description.info.description, " ",
    el("a", { href: "../v1/openapi.json" }, "OpenAPI description"));
  for (const [group, list] of groups) {
    contents.append(el("h2", null, group));
    calls.append(el("h2", null, group));
    for (const [verb, path, operation] of list) {
      contents.append(el("a", { href: "#" + operation.operationId },
        el("span", { class: "verb " + verb }, verb), operation.summary));
      calls.append(call(verb, path, operation));
    }
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: "instant" });
}

async function start() {
  document.getElementById("access").addEventListener("submit", (event) => event.preventDefault());
  try {
    const answer = await fetch("../v1/openapi.json");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    description = await answer.json();
    show();
  } catch (error) {
    document.getElementById("state").textContent = `The description cannot be read: ${error.message}`;
  }
}

start();
