/* The keyboard and the clock: "/" puts the cursor into the search field, the clock at the top goes on, an undo bar counts down and goes. */
(function () {
  "use strict";
  document.addEventListener("keydown", function (event) {
    var typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    var field = document.querySelector(".search input");
    if (field) { event.preventDefault(); field.focus(); field.select(); }
  });

  document.addEventListener("click", function (event) {
    var leave = event.target.closest && event.target.closest(".confirm .leave");
    if (!leave) return;
    var details = leave.closest("details");
    details.open = false;
    details.querySelector("summary").focus();
  });

  var clock = document.querySelector("time.utc");
  if (clock) {
    var ahead = new Date(clock.dateTime) - Date.now(); // the platform's time, not this machine's
    setInterval(function () {
      var at = new Date(Date.now() + ahead).toISOString();
      clock.dateTime = at;
      clock.textContent = at.slice(11, 19);
    }, 1000);
  }

  var left = document.querySelector(".undo .countdown");
  if (left) {
    var seconds = +left.dataset.seconds;
    var ticking = setInterval(function () {
      seconds -= 1;
      left.textContent = seconds;
      if (seconds <= 0) { clearInterval(ticking); left.closest(".undo").remove(); }
    }, 1000);
  }
})();
