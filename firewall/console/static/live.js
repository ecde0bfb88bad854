// Live calls: shows what the stream says, as text. Without it the page is the last calls and a link to look again.
"use strict";
(() => {
  const list = document.getElementById("calls");
  const says = document.getElementById("says");
  const pause = document.getElementById("pause");
  if (!list || !says || !pause || !window.EventSource) return;
  const most = Number(list.dataset.kept);
  let source = null;
  let last = list.dataset.after;

  const made = (name, text, kind) => {
    const one = document.createElement(name);
    if (text) one.textContent = text;
    if (kind) one.className = kind;
    return one;
  };

  const link = (text, address) => {
    const one = made("a", text);
    one.setAttribute("href", address);
    return one;
  };

  // As the page does: code between backticks; an odd one is part of a name, and nothing is guessed.
  const coded = (text) => {
    const parts = text.split("`");
    return parts.length % 2 ? parts.map((part, at) => (at % 2 ? made("code", part) : part)) : [text];
  };

  const row = (call) => {
    const item = made("li", "", "of-tool");
    const head = made("p");
    const at = made("time", call.at.slice(11, 19));
    at.dateTime = call.at;
    head.append(at, " ", made("span", call.verdict, `chip is-${call.verdict}`), " ", made("strong", call.who));
    head.append(" ", made("span", call.environment, `chip env${["production", "unresolved"].includes(call.environment) ? ` ${call.environment}` : ""}`));
    for (const effect of call.effects) head.append(" ", made("span", effect, `chip effect ${effect}`));
    const about = made("p", "", "small");
    about.append(`${call.gate} · ${call.reason} · `);
    if (call.approval) about.append(link("the approval", `/approve/${encodeURIComponent(call.approval)}`), " · ");
    about.append(link("the session", `/console/sessions/${encodeURIComponent(call.token)}`), " · ");
    about.append(link(`entry ${call.entry}`, `/console/log/${encodeURIComponent(call.entry)}`));
    const words = made("p", call.tool, "words");
    if (call.summary) words.append(": ", ...coded(call.summary));
    item.append(head, words, about);
    return item;
  };

  const begin = () => {
    source = new EventSource(`/console/live/events?after=${encodeURIComponent(last)}`);
    source.addEventListener("open", () => { says.textContent = "Calls appear as they are judged."; });
    source.addEventListener("calls", (event) => {
      const said = JSON.parse(event.data);
      last = event.lastEventId;
      const rows = said.calls.slice(-most).map(row);
      if (said.skipped) rows.unshift(made("li", `${said.skipped} skipped: too many at once. All are in the log.`, "small"));
      list.prepend(...rows.reverse());
      while (list.children.length > most) list.lastElementChild.remove();
    });
    source.addEventListener("end", () => {
      source.close();
      says.textContent = "The stream has ended: look again.";
    });
    source.addEventListener("error", () => {
      says.textContent = source.readyState === EventSource.CLOSED
        ? "The stream was refused or has ended: look again." : "The connection was lost; it is tried again.";
    });
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    const runs = source && source.readyState !== EventSource.CLOSED;
    if (runs) source.close();
    else begin();
    pause.textContent = runs ? "Go on" : "Pause";
    if (runs) says.textContent = "Paused.";
  });
  begin();
})();
