// Shows that something waits, and opens our own page when it is pressed. It asks nobody, and sees no page and no request.
"use strict";
const shape = /^apr_[0-9A-Za-z]{22}$/;
const words = {
  waits: ["A call waits for an answer", "Open Stayhand to read it."],
  over: ["A call waits no more", "It was answered, withdrawn, or its time is over."],
  notice: ["Stayhand has something to say", "Open it to read what."],
};

const told = (data) => {
  try {
    const said = data.json();
    const about = Object.hasOwn(words, said.about) ? said.about : "notice";
    const id = typeof said.id === "string" && shape.test(said.id) ? said.id : "";
    return { about: id || about === "notice" ? about : "notice", id };
  } catch {
    return { about: "notice", id: "" };
  }
};

const show = (data) => {
  const { about, id } = told(data);
  const [title, body] = words[about];
  const isOver = about === "over";
  const options = { body, tag: id || about, silent: isOver, requireInteraction: about === "waits" };
  if (about === "waits") options.renotify = true;
  return self.registration.showNotification(title, options);
};

const open = async (tag) => {
  const address = new URL(shape.test(tag) ? `/approve/${tag}` : "/console/", self.location.origin).href;
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((one) => one.url === address);
  await (there ? there.focus() : self.clients.openWindow(address));
};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => event.waitUntil(show(event.data)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.tag));
});
