/* Draws the charts of a page from the JSON beside them. The table on the page says the same in words and figures. */
(function () {
  "use strict";

  var INK = "#1a1a1a";
  var SOFT = "#555";
  var COLOURS = ["#1a1a1a", "#004d99", "#b00000", "#2b6900", "#800080", "#7a5200", "#00707a"];
  var SYMBOLS = ["circle", "triangle", "rect", "diamond", "pin", "arrow"];
  var BANDS = ["#ffffff", "#f3f6f9", "#e3ebf3", "#d3dfeb", "#c3d3e3", "#b3c7db"];
  var DASHES = ["solid", "dashed", "dotted", [8, 3, 2, 3], [12, 4], [3, 3], [16, 3]];
  var TEXT = { fontFamily: '"IBM Plex Sans", sans-serif', fontSize: 14, color: INK };

  function decimal(value) {
    return document.documentElement.lang === "da" ? String(value).replace(".", ",") : String(value);
  }

  function dateText(value) {
    return new Date(value).toLocaleDateString(document.documentElement.lang === "da" ? "da-DK" : "en-GB", {
      month: "short",
      year: "numeric",
      timeZone: "UTC"
    });
  }

  // Room above and below, so that one step on a scale does not look like a cliff; round numbers on the axis.
  function room(data) {
    var told = data.y.concat((data.goals || []).map(function (goal) { return goal.value; }));
    var low = Math.min.apply(null, told);
    var high = Math.max.apply(null, told);
    var whole = told.every(Number.isInteger);
    var pad = Math.max((high - low) / 4, whole ? 1 : Math.abs(high) / 20);
    var rough = (high - low + 2 * pad) / 4;
    var power = Math.pow(10, Math.floor(Math.log10(rough || 1)));
    var step = power * [1, 2, 5, 10].find(function (one) { return one * power >= rough; });
    step = whole ? Math.max(1, Math.round(step)) : step;
    var min = Math.floor((low - pad) / step) * step;
    return { min: low >= 0 ? Math.max(0, min) : min, max: Math.ceil((high + pad) / step) * step, step: step };
  }

  // Bands lie one on the other from the axis up, each as high as it reaches; none where the axis goes below zero.
  function bands(data, axis) {
    var edges = data.bands || [];
    if (!edges.length || axis.min < 0) {
      return [];
    }
    var ends = [data.x[0], data.x[data.x.length - 1]];
    var at = axis.min;
    var found = [];
    function piece(upTo, name, index) {
      if (upTo <= at) {
        return;
      }
      var height = upTo - (found.length ? at : 0);
      var roomy = upTo - at >= (axis.max - axis.min) / 9; // for a line of text
      found.push({
        type: "line",
        name: name,
        stack: "bands",
        silent: true,
        symbol: "circle",
        itemStyle: { color: "transparent" },
        lineStyle: { width: 0 },
        areaStyle: { color: BANDS[index % BANDS.length], origin: "start" },
        data: ends.map(function (day, place) {
          return {
            value: [day, height],
            label: { show: place === 0 && name !== "" && roomy, position: "bottom", align: "left", offset: [10, 0], formatter: name, color: SOFT, fontSize: 12 }
          };
        }),
        showSymbol: true,
        symbolSize: 1,
        z: 0
      });
      at = upTo;
    }
    piece(Math.min(edges[0].from, axis.max), "", 0);
    edges.forEach(function (edge, index) {
      var next = index + 1 < edges.length ? edges[index + 1].from : axis.max;
      piece(Math.min(next, axis.max), edge.text, index + 1);
    });
    return found;
  }

  function goals(data) {
    var ends = [data.x[0], data.x[data.x.length - 1]];
    return (data.goals || []).map(function (goal) {
      return {
        type: "line",
        name: goal.text,
        silent: true,
        symbol: "none",
        lineStyle: { width: 2, type: "dashed" },
        color: COLOURS[3],
        data: ends.map(function (day) { return [day, goal.value]; }),
        endLabel: { show: true, formatter: goal.text, color: COLOURS[3], offset: [-8, -10], align: "right", fontSize: 12 },
        z: 3
      };
    });
  }

  function line(data) {
    var axis = room(data);
    return {
      textStyle: TEXT,
      grid: { left: 8, right: 16, top: 16, bottom: 8, containLabel: true },
      xAxis: { type: "time", axisLabel: { color: SOFT, hideOverlap: true, formatter: dateText }, splitNumber: 3 },
      yAxis: { type: "value", min: axis.min, max: axis.max, interval: axis.step, axisLabel: { color: SOFT, formatter: decimal } },
      series: bands(data, axis).concat(goals(data), [{
        type: "line",
        name: data.name,
        data: data.x.map(function (day, index) { return [day, data.y[index]]; }),
        symbol: "circle",
        symbolSize: 8,
        lineStyle: { width: 2.5 },
        color: COLOURS[1],
        z: 4
      }])
    };
  }

  function share(data) {
    return {
      textStyle: TEXT,
      color: COLOURS,
      grid: { left: 8, right: 16, top: 16, bottom: 8, containLabel: true },
      xAxis: { type: "category", data: data.months, axisLabel: { color: SOFT, hideOverlap: true }, boundaryGap: false },
      yAxis: { type: "value", min: 0, max: 100, axisLabel: { color: SOFT, formatter: function (value) { return value + " %"; } } },
      series: data.series.map(function (row, index) {
        return {
          type: "line",
          name: row.name,
          data: row.values,
          symbol: SYMBOLS[index % SYMBOLS.length],
          symbolSize: row.whole ? 10 : 8,
          connectNulls: false,
          lineStyle: { width: row.whole ? 4 : 2, type: DASHES[index % DASHES.length] }
        };
      })
    };
  }

  var KINDS = { line: line, share: share };

  function draw(place) {
    var source = document.getElementById(place.dataset.source);
    var make = KINDS[place.dataset.chart];
    if (!source || !make || !window.echarts) {
      return;
    }
    // What is folded has no width yet: it is drawn when it is opened.
    var folded = place.closest("details:not([open])");
    if (folded) {
      folded.addEventListener("toggle", function () { draw(place); }, { once: true });
      return;
    }
    place.classList.add("is-drawn");
    var chart = window.echarts.init(place, null, { renderer: "canvas" });
    var option = make(JSON.parse(source.textContent));
    option.animation = false;
    chart.setOption(option);
    window.addEventListener("resize", function () { chart.resize(); });
  }

  // The small build of the chart library has no legend of its own.
  function legend(place) {
    var source = document.getElementById(place.dataset.legend);
    if (!source) {
      return;
    }
    JSON.parse(source.textContent).series.forEach(function (row, index) {
      var item = document.createElement("li");
      var stroke = document.createElement("i");
      var dash = DASHES[index % DASHES.length];
      stroke.style.borderTopColor = COLOURS[index % COLOURS.length];
      stroke.style.borderTopStyle = typeof dash === "string" ? dash : "dashed";
      stroke.style.borderTopWidth = row.whole ? "4px" : "3px";
      item.append(stroke, document.createTextNode(row.name));
      place.append(item);
    });
  }

  document.querySelectorAll("[data-chart]").forEach(draw);
  document.querySelectorAll("[data-legend]").forEach(legend);
})();
