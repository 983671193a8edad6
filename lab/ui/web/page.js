// Keys are Lab's from the first paint on, without a click before.
const focus = () => document.querySelector(".xterm-helper-textarea")?.focus();
new MutationObserver((_, observer) => {
  if (document.body.classList.contains("-first-byte")) {
    observer.disconnect();
    focus();
  }
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });
window.addEventListener("focus", focus);
document.getElementById("again").addEventListener("click", () => window.location.reload());
