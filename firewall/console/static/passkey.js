// Passkeys need a script: this one asks the browser, and nothing else. Pages work without it wherever they can.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const words = {
    NotAllowedError: "Nothing was signed: it was cancelled, took too long, or this device has no passkey for it.",
    InvalidStateError: "This device has a passkey for you already.",
    SecurityError: "The browser allows passkeys at our own address alone.",
  };

  const option = (given) => {
    const own = { ...given, challenge: bytes(given.challenge) };
    if (given.user) own.user = { ...given.user, id: bytes(given.user.id) };
    for (const name of ["allowCredentials", "excludeCredentials"])
      if (given[name]) own[name] = given[name].map((one) => ({ ...one, id: bytes(one.id) }));
    return own;
  };

  const answer = (made) => {
    const response = { clientDataJSON: text(made.response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
      if (made.response[name]) response[name] = text(made.response[name]);
    return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response });
  };

  const asked = async (address, fields) => {
    const got = await fetch(address, { method: "POST", body: new URLSearchParams(fields), redirect: "error" });
    const said = await got.json();
    if (!got.ok) throw new Error(said.error.message);
    return said;
  };

  const field = (form, name, value) => {
    let input = form.querySelector(`input[type=hidden][name="${name}"]`);
    if (!input) {
      input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      form.append(input);
    }
    input.value = value;
  };

  const say = (form, message) => {
    const place = document.querySelector(`[data-says="${form.id}"]`);
    place.textContent = message;
    place.hidden = !message;
  };

  const ceremony = async (form, by) => {
    const fields = new FormData(form);
    if (by.name) fields.set(by.name, by.value);
    const publicKey = option(await asked(by.dataset.options, fields));
    const made = by.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
    if (by.name) field(form, by.name, by.value);
    field(form, "credential", answer(made));
    HTMLFormElement.prototype.submit.call(form);
  };

  const able = Boolean(window.PublicKeyCredential && navigator.credentials);
  for (const by of document.querySelectorAll("button[data-passkey]")) {
    const form = by.form;
    const here = by.dataset.origin === location.origin;
    if (!able || !here) {
      say(form, able ? `Passkeys work at ${by.dataset.origin} alone: open this page there.` : "This browser knows no passkeys.");
      by.disabled = true;
      continue;
    }
    by.hidden = false;
    say(form, "");
    form.addEventListener("submit", async (event) => {
      if (event.submitter !== by) return;
      event.preventDefault();
      by.disabled = true;
      try {
        await ceremony(form, by);
      } catch (error) {
        by.disabled = false;
        say(form, words[error.name] || error.message || "The passkey could not be used.");
      }
    });
  }

  // A code behind `#` goes into its field and out of the address, so that neither history nor a screenshot keeps it.
  const code = document.querySelector("input[data-from-address]");
  if (code && location.hash.length > 1) {
    code.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
  }
})();
