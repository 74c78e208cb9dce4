/* Helps on a questionnaire: what is not asked is folded away, and Enter goes on to the next field. The page works
   without: all questions are shown, and Enter saves. */
(function () {
  "use strict";

  function given(sheet, name) {
    return Array.prototype.filter
      .call(sheet.elements, function (control) {
        return control.name === name && !control.disabled && (control.type !== "radio" && control.type !== "checkbox" || control.checked);
      })
      .map(function (control) {
        return control.value.trim();
      })
      .filter(Boolean);
  }

  function compared(operator, left, right) {
    var a = Number(left.replace(",", "."));
    var b = Number(right);
    return { ">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b }[operator] === true;
  }

  // The same as tovholder.forms.is_enabled (R4 §4.5.4 enableWhen); the server asks again.
  function holds(sheet, one) {
    var values = given(sheet, one.question);
    if (one.operator === "exists") {
      return (values.length > 0) === (one.answer === "true");
    }
    if (one.operator === "=") {
      return values.indexOf(one.answer) !== -1 || values.some(same);
    }
    if (one.operator === "!=") {
      return values.length > 0 && values.indexOf(one.answer) === -1 && !values.some(same);
    }
    function same(value) {
      return value !== "" && Number(value.replace(",", ".")) === Number(one.answer);
    }
    return values.some(function (value) {
      return compared(one.operator, value, one.answer);
    });
  }

  function fold(sheet) {
    sheet.querySelectorAll("[data-when]").forEach(function (part) {
      var rule = JSON.parse(part.dataset.when);
      var held = rule.when.map(function (one) {
        return holds(sheet, one);
      });
      var asked = rule.all ? held.every(Boolean) : held.some(Boolean);
      // What was refused stands until it is corrected, with its error.
      asked = asked || part.classList.contains("form-error");
      part.hidden = !asked;
      part.querySelectorAll("input, select, textarea").forEach(function (control) {
        control.disabled = !asked; // what is not asked is not sent
      });
    });
  }

  function stops(sheet) {
    var seen = {};
    return Array.prototype.filter.call(sheet.elements, function (control) {
      if (control.disabled || control.tabIndex < 0 || control.type === "hidden" || !control.getClientRects().length) {
        return false;
      }
      if (control.type === "radio") {
        if (seen[control.name]) {
          return false;
        }
        seen[control.name] = true;
      }
      return true;
    });
  }

  function next(sheet, from) {
    var all = stops(sheet);
    var at = all.findIndex(function (control) {
      return control === from || (from.type === "radio" && control.type === "radio" && control.name === from.name);
    });
    var to = all[at + 1];
    if (to && to.type === "radio") {
      to = sheet.querySelector('input[name="' + CSS.escape(to.name) + '"]:checked') || to;
    }
    return to;
  }

  function start() {
    document.querySelectorAll("[data-sheet]").forEach(function (sheet) {
      fold(sheet);
      sheet.addEventListener("input", function () {
        fold(sheet);
      });
      sheet.addEventListener("change", function () {
        fold(sheet);
      });
      if (!("enterMoves" in sheet.dataset)) {
        return;
      }
      sheet.addEventListener("keydown", function (event) {
        var control = event.target;
        if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
          return;
        }
        if (!/^(INPUT|SELECT)$/.test(control.tagName)) {
          return; // a button is pressed, and words may have several lines
        }
        var to = next(sheet, control);
        if (to) {
          event.preventDefault();
          to.focus();
        }
      });
    });
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
