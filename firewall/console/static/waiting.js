// Tells whoever keeps the queue open that a new call waits: asks our own server, shows a notification, decides nothing.
"use strict";
(() => {
  const button = document.querySelector("[data-waiting]");
  if (!button || !("Notification" in window)) return;
  // Where this browser can be told while the page is closed, it is told in that one way.
  if ("unlessPush" in button.dataset && "serviceWorker" in navigator && "PushManager" in window) return;
  const idle = 3600 * 1000; // a page that nobody touches stops asking, so that its session ends as others do
  const known = new Set(button.dataset.waiting.split(" ").filter(Boolean));
  let touched = Date.now();
  let timer = 0;
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { touched = Date.now(); });

  const say = (words) => { button.textContent = words; };
  const stop = (words) => { clearInterval(timer); button.disabled = true; say(words); };

  const tell = (id) => {
    const shown = new Notification("A call waits for an answer", { tag: id, body: "Open Stayhand to read it." });
    shown.onclick = () => { focus(); location.assign(`/approve/${id}`); };
  };

  const look = async () => {
    if (Date.now() - touched > idle) return stop("Nobody was here for an hour: open the page again to be told");
    try {
      const got = await fetch(`/console/waiting?since=${encodeURIComponent(button.dataset.since)}`, { redirect: "error" });
      if (got.status === 401) return stop("You are signed out");
      if (!got.ok) return;
      const ids = (await got.json()).ids;
      for (const id of ids) if (!known.has(id)) { known.add(id); tell(id); }
    } catch { /* the server is away: asked again */ }
  };

  const begin = () => {
    button.disabled = true;
    say("You are told while this page is open");
    timer = setInterval(look, Number(button.dataset.every) || 10000);
  };

  button.hidden = false;
  if (Notification.permission === "granted") begin();
  button.addEventListener("click", async () => {
    const said = await Notification.requestPermission();
    if (said === "granted") begin();
    else say("This browser does not allow it");
  });
})();
