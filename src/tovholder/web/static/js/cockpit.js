/* Keys in the clinic's list, which work while a patient in it has the focus. Everything is there without them. */
(function () {
  "use strict";

  function rows() {
    return Array.prototype.slice.call(document.querySelectorAll("#liste [data-row]"));
  }

  // One stop for the Tab key among the rows' own keys would hide their links: every link stays a stop of its own.
  function move(from, key) {
    var all = rows();
    var at = all.indexOf(from);
    var to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: all.length - 1 }[key];
    if (to === undefined) {
      return false;
    }
    if (all[to]) {
      all[to].focus();
      all[to].scrollIntoView({ block: "nearest" });
    }
    return true;
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    var row = event.target.closest && event.target.closest("#liste tbody tr");
    if (!row || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      return;
    }
    var links = { f: "[data-follow]", n: "[data-next]" };
    var handled = move(row.querySelector("[data-row]"), event.key);
    if (!handled && links[event.key]) {
      var link = row.querySelector(links[event.key]);
      if (link) {
        link.click();
      }
      handled = true;
    } else if (!handled && event.key === "/") {
      document.getElementById("soeg").focus();
      handled = true;
    }
    if (handled) {
      event.preventDefault();
    }
  });
})();
