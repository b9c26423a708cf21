"use strict";

// The page is rendered by the server alone: when something has changed, it is fetched
// again and its live part replaced. Forms speak the same JSON API as test suites do.

async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["live", "switch"]) {
    const old = document.getElementById(id);
    const fresh = page.getElementById(id);
    if (old && fresh) old.replaceWith(fresh);
  }
}

async function submit(event) {
  const form = event.target;
  const method = form.dataset.method;
  if (!method) return;
  event.preventDefault();
  const alert = document.getElementById("alert");
  // A form with files is sent as such: what is in it may be an MMS.
  const files = form.querySelector("input[type=file]");
  const body = files ? new FormData(form)
    : form.dataset.body || JSON.stringify(Object.fromEntries(new FormData(form)));
  const headers = files ? {} : { "content-type": "application/json" };
  const answer = await fetch(form.action, { method, body, headers });
  alert.textContent = answer.ok ? "" : (await answer.json()).message;
  if (!answer.ok) return;
  for (const field of [form.text, form.subject, files]) if (field) field.value = "";
}

document.addEventListener("submit", submit);
new EventSource(document.body.dataset.events).onmessage = refresh;
