/* The explorer's form: only dimensions that the chosen metric has, and a time of its own only when it is asked for. Without this the server does the same. */
(function () {
  "use strict";
  var metric = document.getElementById("metric"), dimension = document.getElementById("dimension"), span = document.getElementById("span");
  if (!metric || !dimension || !span) return;
  var offered = {};
  metric.dataset.dimensions.split(";").forEach(function (one) { var parts = one.split(":"); offered[parts[0]] = (parts[1] || "").split(","); });
  function offer() {
    var may = offered[metric.value] || [];
    Array.prototype.forEach.call(dimension.options, function (option) { option.hidden = option.disabled = may.indexOf(option.value) < 0; });
    if (may.indexOf(dimension.value) < 0) dimension.value = may[0];
    release();
  }
  function release() { // who was chosen of another dimension is nobody here
    document.querySelectorAll(".picks input").forEach(function (box) { box.disabled = dimension.value !== dimension.dataset.shown; });
  }
  function own() {
    document.querySelectorAll(".own-time").forEach(function (field) {
      field.hidden = span.value !== "own";
      field.querySelector("input").disabled = field.hidden;
    });
  }
  dimension.dataset.shown = dimension.querySelector("[selected]") ? dimension.querySelector("[selected]").value : dimension.value;
  metric.addEventListener("change", offer);
  dimension.addEventListener("change", release);
  span.addEventListener("change", own);
  offer(); // somebody may have chosen before this was read
  own();
})();
