// Has this browser told while its page is closed: asks the browser for a subscription and gives it to our own server.
"use strict";
(async () => {
  const form = document.querySelector("form[data-push-key]");
  if (!form || !("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return;
  const button = form.querySelector("button");
  const place = form.querySelector("[role=status]");
  const scope = "/console/push/worker/"; // no page lies there
  const known = form.dataset.pushKnown.split(" ").filter(Boolean);

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer || [])))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const mark = async (endpoint) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
    return [...new Uint8Array(digest)].map((one) => one.toString(16).padStart(2, "0")).join("").slice(0, 32);
  };
  const name = () => {
    const agent = navigator.userAgent;
    const kinds = [["Edg", "Edge"], ["SamsungBrowser", "Samsung Internet"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]];
    const systems = ["Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux"];
    const kind = kinds.find(([sign]) => agent.includes(sign));
    const system = systems.find((one) => agent.includes(one));
    return `${kind ? kind[1] : "browser"}${system ? ` on ${system}` : ""}`;
  };

  const isOurs = (made) => text(made.options.applicationServerKey) === form.dataset.pushKey;
  const on = () => {
    button.disabled = true;
    button.textContent = "This browser is told when a call waits";
  };
  const mine = async (made) => {
    const own = await mark(made.endpoint);
    for (const one of document.querySelectorAll(`[data-mark="${own}"]`)) one.hidden = false;
    return isOurs(made) && known.includes(own);
  };

  // `ready` waits for a worker above this page, which ours is not: nothing is subscribed before it is activated.
  const activated = (registration) => new Promise((done, failed) => {
    const worker = registration.installing || registration.waiting || registration.active;
    const look = () => {
      if (worker.state === "activated") done();
      if (worker.state === "redundant") failed(new Error("This browser could not start what would tell you."));
    };
    worker.addEventListener("statechange", look);
    look();
  });

  const subscribed = async () => {
    const registration = await navigator.serviceWorker.register("/console/push/worker.js", { scope });
    await activated(registration);
    const before = await registration.pushManager.getSubscription();
    if (before && isOurs(before)) return before;
    if (before) await before.unsubscribe(); // under a key that we do not have any more
    const applicationServerKey = bytes(form.dataset.pushKey);
    return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  };

  const add = async () => {
    if (await Notification.requestPermission() !== "granted")
      throw new Error("This browser does not allow it: its settings for this page say why.");
    const made = await subscribed();
    const fields = new URLSearchParams(new FormData(form));
    fields.set("endpoint", made.endpoint);
    fields.set("p256dh", text(made.getKey("p256dh")));
    fields.set("auth", text(made.getKey("auth")));
    fields.set("label", name());
    const got = await fetch(form.action, { method: "POST", body: fields, redirect: "error" });
    if (!got.ok) throw new Error((await got.json()).error.message);
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    place.textContent = "";
    try {
      await add();
      on();
      place.textContent = "It is told from now on, also while this page is closed.";
    } catch (error) {
      button.disabled = false;
      place.textContent = error.message || "This browser could not be added.";
    }
  });

  button.hidden = false;
  const registration = await navigator.serviceWorker.getRegistration(scope);
  const made = registration && await registration.pushManager.getSubscription();
  if (made && await mine(made)) on();
})();
