// Only improves what works without it. Words stand in the page, so that they are translated with it.
"use strict";

for (const toggle of document.querySelectorAll("[data-reveals]")) {
  const field = document.getElementById(toggle.dataset.reveals);
  const show = (visible) => {
    field.type = visible ? "text" : "password";
    toggle.setAttribute("aria-pressed", String(visible));
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => show(field.type === "password"));
  // Browsers offer to keep a password only when the field is one.
  field.form.addEventListener("submit", () => show(false));
}

for (const hint of document.querySelectorAll("[data-caps-lock]")) {
  const field = document.getElementById(hint.dataset.capsLock);
  const look = (event) => {
    hint.hidden = !(event.getModifierState && event.getModifierState("CapsLock"));
  };
  field.addEventListener("keydown", look);
  field.addEventListener("keyup", look);
  field.addEventListener("blur", () => { hint.hidden = true; });
}

// One answer a form, however often it is pressed; coming back to the page makes it usable again.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
let shown = performance.now();
const restart = () => {
  shown = performance.now();
  for (const form of document.forms) delete form.dataset.sent;
};
addEventListener("pageshow", restart);
document.addEventListener("visibilitychange", () => { if (!document.hidden) restart(); });

// A page that jumps under a double click must not be answered by its second half.
for (const button of document.querySelectorAll("[data-decides]")) {
  button.addEventListener("click", (event) => {
    if (performance.now() - shown < 400) event.preventDefault();
  });
}

for (const line of document.querySelectorAll("[data-countdown]")) {
  let left = Number(line.dataset.countdown);
  const tick = () => {
    line.textContent = (left === 1 ? line.dataset.one : line.dataset.many).replace("{}", String(left));
    if (left <= 0) line.closest("form").requestSubmit();
    else { left -= 1; setTimeout(tick, 1000); }
  };
  tick();
}

for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) break;
  const before = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}
