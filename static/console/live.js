/* Live fragments: an element with data-live="2" is fetched again every two seconds while it is seen (shell/live.py). htmx fetches and swaps;
   this file only says when. When the server does not answer, the figures stay and the top of the page says since when they have stood still. */
(function () {
  "use strict";
  var STEP_MS = 500, due = new WeakMap(), stale = document.querySelector(".stale"), failing = false;

  function seen(element) {
    var box = element.getBoundingClientRect();
    return box.bottom > -200 && box.top < innerHeight + 200 && (box.width || box.height);
  }
  function busy(element) {
    return element.querySelector("details[open], form:focus-within, .htmx-request") || element.classList.contains("htmx-request");
  }
  setInterval(function () {
    if (document.hidden) return;
    document.querySelectorAll("[data-live]").forEach(function (element) {
      var every = element.dataset.live * 1000, at = due.get(element);
      if (at === undefined) { due.set(element, Date.now() + every); return; }
      if (Date.now() < at || !seen(element) || busy(element)) return;
      due.set(element, Date.now() + every);
      htmx.trigger(element, "tick");
    });
  }, STEP_MS);

  function still() {
    if (failing || !stale) return;
    failing = true;
    stale.hidden = false;
    stale.textContent = "No answer since " + new Date().toISOString().slice(11, 19);
  }
  document.addEventListener("htmx:sendError", still);
  document.addEventListener("htmx:responseError", still);
  document.addEventListener("htmx:timeout", still);
  document.addEventListener("htmx:afterSwap", function () {
    if (failing && stale) { failing = false; stale.hidden = true; }
  });
})();
