/* Small helps on every page; every page works without them. */
(function () {
  "use strict";

  function start() {
    if (window.DKFDS) {
      window.DKFDS.init();
    }
    var target = document.querySelector("[data-focus]") || document.getElementById("besked");
    if (target) {
      target.focus();
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
    // One press is one press: a form that was sent is not sent again while the answer is on its way.
    document.addEventListener("submit", function (event) {
      var form = event.target;
      if (form.dataset.sent) {
        event.preventDefault();
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

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
