/* Small helps on every page; every page works without them. */
(function () {
  "use strict";

  // What just happened is told where the eye goes next: above the step the address points at, with focus on it.
  // After the page has loaded, for the browser's own move to the address comes last and takes the focus away.
  function tell() {
    var message = document.getElementById("besked");
    var target = document.querySelector("[data-focus]") || message;
    var named = window.location.hash && document.getElementById(window.location.hash.slice(1));
    if (message && target === message && named) {
      var place = named.closest(".th-panel") || named;
      place.parentNode.insertBefore(message.parentNode, place);
    }
    if (target) {
      target.focus({ preventScroll: true });
      target.scrollIntoView({ block: target === message && named ? "start" : "nearest" });
    }
  }

  function offline(form) {
    var told = document.getElementById("uden-net");
    if (!told) {
      told = document.createElement("p");
      told.id = "uden-net";
      told.className = "form-error-message";
      told.tabIndex = -1;
      told.setAttribute("role", "alert");
    }
    told.textContent = document.body.dataset.offline;
    form.appendChild(told);
    told.focus();
    window.addEventListener("online", function () { told.remove(); }, { once: true });
  }

  function start() {
    if (window.DKFDS) {
      window.DKFDS.init();
    }
    // A link to something folded opens it.
    function unfold() {
      var named = window.location.hash && document.getElementById(window.location.hash.slice(1));
      var folded = named && named.closest("details:not([open])");
      if (folded) {
        folded.open = true;
        named.scrollIntoView();
      }
    }
    unfold();
    window.addEventListener("hashchange", unfold);
    // Paper cannot be unfolded: what is folded is printed as if it were open.
    var opened = [];
    window.addEventListener("beforeprint", function () {
      opened = Array.from(document.querySelectorAll("details.th-fold:not([open])"));
      opened.forEach(function (one) { one.open = true; });
    });
    window.addEventListener("afterprint", function () {
      opened.forEach(function (one) { one.open = false; });
    });
    // One press is one press: a form that was sent is not sent again while the answer is on its way.
    document.addEventListener("submit", function (event) {
      var form = event.target;
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      // Without a network the page stays as it is, with what was typed. It is put by nowhere: the computer may be shared.
      if (form.method === "post" && navigator.onLine === false) {
        event.preventDefault();
        offline(form);
        return;
      }
      if (form.method === "post" && !form.hasAttribute("hx-post")) {
        form.dataset.sent = "true";
      }
    });
    window.addEventListener("pageshow", function (event) {
      if (event.persisted) {
        document.querySelectorAll("form[data-sent]").forEach(function (form) {
          delete form.dataset.sent;
        });
      }
    });
  }

  // On a phone what is long and not the page's matter is folded (cockpit.css); its button opens it.
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-unfolds]");
    var part = button && document.getElementById(button.getAttribute("aria-controls"));
    if (part) {
      button.setAttribute("aria-expanded", String(part.classList.toggle("is-open")));
    }
  });
  // A filter that was chosen is folded away with the others: the focus goes to the button that has them.
  document.addEventListener("htmx:afterSettle", function () {
    var button = document.querySelector("#vis-filtre");
    var on = document.activeElement; // body, or the filter itself, which is not drawn any more
    if (button && button.getClientRects().length && (on === document.body || !on.getClientRects().length)) {
      button.focus({ preventScroll: true });
    }
  });

  window.addEventListener("load", function () {
    window.requestAnimationFrame(tell);
  });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
