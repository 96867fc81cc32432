// What a page tries against an address: [kind, what came of it] for each try. "read ..." and "heard" mean it got through.
async ({ target, credentials }) => {
  const job = '{"task": "demo.noop", "payload": {}}';
  const letGo = 2500;
  const found = [];
  const note = (kind, said) => found.push([kind, said]);
  const asked = async (kind, path, options) => {
    try {
      const reply = await fetch(target + path, { credentials, ...options });
      note(kind, reply.type === "opaque" ? "opaque" : `read ${reply.status} ${(await reply.text()).slice(0, 40)}`);
    } catch {
      note(kind, "blocked");
    }
  };
  const loaded = (kind, element, set) =>
    new Promise((done) => {
      const end = (said) => (note(kind, said), done());
      element.onload = () => end("loaded");
      element.onerror = () => end("refused");
      setTimeout(() => end("silent"), letGo);
      set(element);
      document.body.append(element);
    });
  const form = (kind, enctype, fields) =>
    new Promise((done) => {
      const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { name: kind }));
      const sent = Object.assign(document.createElement("form"), { method: "post", enctype, target: kind });
      sent.setAttribute("action", `${target}/api/v1/jobs`);
      for (const [name, value] of fields) sent.append(Object.assign(document.createElement("input"), { name, value }));
      document.body.append(sent);
      const end = (said) => (note(kind, said), done());
      frame.onload = () => end(textIn(() => frame.contentDocument.body.textContent));
      setTimeout(() => end("silent"), letGo);
      sent.submit();
    });
  const textIn = (read) => {
    try {
      return `read ${read().slice(0, 40)}`;
    } catch {
      return "hidden";
    }
  };
  const post = (type, mode, body = job) => ({ method: "POST", mode, body, headers: { "Content-Type": type } });
  await asked("get", "/api/v1/queues", {});
  await asked("get no-cors", "/api/v1/queues", { mode: "no-cors" });
  await asked("page", "/", {});
  await asked("post json", "/api/v1/jobs", post("application/json", "cors"));
  await asked("post text", "/api/v1/jobs", post("text/plain", "cors"));
  await asked("post text no-cors", "/api/v1/jobs", post("text/plain", "no-cors"));
  await asked("pause", "/api/v1/queues/default", { ...post("application/json", "cors", '{"paused": true}'), method: "PATCH" });
  navigator.sendBeacon(`${target}/api/v1/jobs`, new Blob([job], { type: "text/plain" }));
  await form("form text", "text/plain", [['{"task": "demo.noop", "payload": {}, "x', '": 1}']]);
  await form("form fields", "application/x-www-form-urlencoded", [["task", "demo.noop"]]);
  await form("form parts", "multipart/form-data", [["task", "demo.noop"]]);
  await loaded("image", new Image(), (image) => (image.src = `${target}/api/v1/jobs`));
  await loaded("script", document.createElement("script"), (script) => (script.src = `${target}/api/v1/jobs`));
  const frame = document.createElement("iframe");
  await loaded("frame", frame, (each) => (each.src = `${target}/`));
  note("in the frame", textIn(() => frame.contentDocument.body.textContent));
  await new Promise((done) => {
    const stream = new EventSource(`${target}/api/v1/stream`, { withCredentials: credentials === "include" });
    const end = (said) => (stream.close(), note("stream", said), done());
    stream.addEventListener("hello", () => end("heard"));
    stream.onerror = () => stream.readyState === EventSource.CLOSED && end("refused");
    setTimeout(() => end("silent"), letGo);
  });
  const opened = window.open(`${target}/`);
  const shown = () => textIn(() => opened.document.title);
  for (let waits = 0; waits < 50 && !opened.closed && shown() === "read "; waits += 1)
    await new Promise((done) => setTimeout(done, letGo / 50));
  note("window", opened.closed ? "hidden" : shown());
  return found;
}
