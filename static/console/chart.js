/* Charts: every [data-chart] is drawn by uPlot, in the theme's computed colours, as wide as its place, again when theme or width change.
   The data is what shell/charts.py put into the attribute. */
(function () {
  "use strict";
  var drawn = new Map();

  function colourOf(host, kind, look) {
    var probe = document.createElement("i");
    probe.setAttribute(kind, look);
    probe.className = kind === "class" ? look : "probe";
    probe.hidden = false;
    host.appendChild(probe);
    var colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  }
  function kindOf(look) {
    if (["transactional", "notification", "marketing"].indexOf(look) >= 0) return "data-purpose";
    return look === "main" || look === "quiet" || /^line-/.test(look) ? "data-series" : "data-state";
  }
  function withAlpha(colour, alpha) {
    var parts = colour.match(/[\d.]+/g);
    return parts && /^rgb/.test(colour) ? "rgba(" + parts.slice(0, 3).join(",") + "," + alpha + ")" : colour;
  }
  function words(value, data) {
    if (value === null || value === undefined) return "–";
    if (data.percent) return (100 * value).toFixed(1) + "\u00a0%";
    return value.toLocaleString("en-GB", { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 }) + (data.unit ? "\u00a0" + data.unit : "");
  }
  function powerOfTen(value) { return value > 0 && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9; }
  function stack(rows) { // every row becomes the sum of itself and those before it
    var sums = [];
    return rows.map(function (row) {
      sums = row.map(function (value, i) { return (value || 0) + (sums[i] || 0); });
      return sums;
    });
  }

  function inside(host) {
    var style = getComputedStyle(host);
    return Math.max(200, host.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
  }

  function draw(host) {
    var old = drawn.get(host);
    if (old) old.destroy();
    var data = JSON.parse(host.dataset.chart);
    var ink = colourOf(host, "class", "probe-ink"), line = colourOf(host, "class", "probe-line");
    var font = "12px " + getComputedStyle(document.body).fontFamily;
    var rows = data.series.map(function (s) { return s.values; });
    var shown = data.stacked ? stack(rows) : rows;
    var series = data.series.map(function (s, i) {
      var colour = colourOf(host, kindOf(s.look), s.look);
      return {
        label: s.name, stroke: colour, width: 1.75, points: { show: false }, spanGaps: false,
        dash: data.stacked ? undefined : s.dash === "dash" ? [6, 4] : s.dash === "dots" ? [1, 4] : undefined,
        fill: data.stacked ? withAlpha(colour, 0.85) : s.filled ? withAlpha(colour, 0.2) : undefined,
        value: function (u, v, at, index) { return words(index === null || index === undefined ? null : rows[i][index], data); }
      };
    });
    // A stack is drawn from the top down, so that each area covers the foot of the one above it.
    if (data.stacked) { series.reverse(); shown = shown.slice().reverse(); }
    var options = {
      width: inside(host), height: data.height, tzDate: function (s) { return uPlot.tzDate(new Date(s * 1000), "Etc/UTC"); },
      cursor: { y: false, points: { size: 6 } }, legend: { live: true }, padding: [8, 20, 0, 0],
      scales: { y: data.logarithmic ? { distr: 3, log: 10 } : { range: function (u, low, high) { return [Math.min(0, low || 0), high > 0 ? high * 1.08 : 1]; } } },
      axes: [
        { stroke: ink, font: font, grid: { show: false }, ticks: { stroke: line, size: 4, width: 1 }, gap: 4, size: 42, space: 72,
          values: [[86400, "{D} {MMM}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{D} {MMM}", null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
        { stroke: ink, font: font, grid: { stroke: line, width: 1 }, ticks: { show: false }, gap: 6, size: data.logarithmic ? 72 : 52, space: 40,
          values: function (u, splits) { return splits.map(function (v) { return data.logarithmic ? (powerOfTen(v) ? v.toLocaleString("en-GB") : "") : words(v, data); }); } }
      ],
      series: [{ label: "UTC", value: function (u, v) { return v === null || v === undefined ? "–" : new Date(v * 1000).toISOString().slice(5, 16).replace("T", " "); } }].concat(series),
      hooks: { drawClear: [function (u) { band(u, host, data.bands); }], draw: [function (u) { mark(u, data.events, ink); say(u, data.marks, ink); }] }
    };
    host.textContent = "";
    drawn.set(host, new uPlot(options, [data.times].concat(shown), host));
  }

  function mark(u, events, ink) { // letters that stand in the text beside the chart; where they would lie on each other, the first and the last
    var c = u.ctx, scale = devicePixelRatio || 1, groups = [];
    (events || []).forEach(function (event) {
      var x = u.valToPos(event[0], "x", true), last = groups[groups.length - 1];
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
      if (last && x - last.to < 22 * scale) { last.to = x; last.letters.push(event[1]); } else { groups.push({ from: x, to: x, letters: [event[1]] }); }
      c.save();
      c.strokeStyle = ink;
      c.lineWidth = scale;
      c.beginPath(); c.moveTo(x, u.bbox.top); c.lineTo(x, u.bbox.top + u.bbox.height); c.stroke();
      c.restore();
    });
    c.save();
    c.fillStyle = ink;
    c.textAlign = "center";
    groups.forEach(function (group) {
      var few = group.letters.length < 3, words = few ? group.letters.join(" ") : group.letters[0] + "\u2013" + group.letters[group.letters.length - 1];
      c.fillText(words, (group.from + group.to) / 2, u.bbox.top - 2 * scale);
    });
    c.restore();
  }

  function say(u, marks, ink) { // moments with their words, at the foot, each a line higher than the one before
    (marks || []).forEach(function (one, i) {
      var x = u.valToPos(one[0], "x", true), c = u.ctx, scale = devicePixelRatio || 1;
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
      var late = x > u.bbox.left + 0.8 * u.bbox.width;
      c.save();
      c.strokeStyle = c.fillStyle = ink;
      c.lineWidth = scale;
      c.setLineDash([3 * scale, 3 * scale]);
      c.beginPath(); c.moveTo(x, u.bbox.top); c.lineTo(x, u.bbox.top + u.bbox.height); c.stroke();
      c.textAlign = late ? "right" : "left";
      c.fillText(one[1], x + (late ? -4 : 4) * scale, u.bbox.top + u.bbox.height - (6 + 14 * i) * scale);
      c.restore();
    });
  }
  function band(u, host, bands) { // spans of time, under everything else
    (bands || []).forEach(function (one) {
      var left = Math.max(u.bbox.left, u.valToPos(one[0], "x", true)), right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(one[1], "x", true));
      if (right <= left) return;
      u.ctx.save();
      u.ctx.fillStyle = withAlpha(colourOf(host, kindOf(one[2]), one[2]), 0.1);
      u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
      u.ctx.restore();
    });
  }

  function drawAll() { document.querySelectorAll("[data-chart]").forEach(draw); }
  function drawNew() {
    drawn.forEach(function (plot, host) { if (!host.isConnected) { plot.destroy(); drawn.delete(host); } });
    document.querySelectorAll("[data-chart]").forEach(function (host) { if (!drawn.has(host)) draw(host); });
  }
  var later;
  function soon() { clearTimeout(later); later = setTimeout(drawAll, 80); }
  drawAll();
  document.addEventListener("htmx:afterSettle", drawNew);
  addEventListener("resize", soon);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
  new MutationObserver(soon).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
})();
