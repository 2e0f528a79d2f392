// A field that finds rules by parts of their names: type, arrows, Enter. Without this script it is a plain list of all.
import { say } from "./say.js";

const MOST = 9;

/** Lets a form's field choose from the rules of the page. */
export function findRules(form) {
  if (!form) return;
  const field = form.elements.rule;
  const list = form.querySelector("[role=listbox]");
  const rules = [...document.querySelectorAll("#rules option")].map((one) => one.value);
  field.removeAttribute("list");
  Object.assign(field, { role: "combobox", ariaAutoComplete: "list", ariaExpanded: "false" });
  field.setAttribute("aria-controls", list.id);
  let at = 0;

  const mark = () => {
    for (const [place, one] of [...list.children].entries()) one.ariaSelected = String(place === at);
    if (list.children[at]) field.setAttribute("aria-activedescendant", list.children[at].id);
    else field.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const open = (found) => {
    list.replaceChildren(...found.map((rule, place) => {
      const one = Object.assign(document.createElement("li"), { id: `found-${place}`, role: "option", textContent: rule });
      one.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        at = place;
        form.requestSubmit();
      });
      return one;
    }));
    list.hidden = !found.length;
    field.ariaExpanded = String(found.length > 0);
    at = 0;
    mark();
  };
  field.addEventListener("input", () => open(matching(rules, field.value)));
  field.addEventListener("focus", () => open(matching(rules, field.value)));
  field.addEventListener("blur", () => open([]));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      field.value = "";
      field.blur();
      document.getElementById("card").focus({ preventScroll: true });
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const count = list.children.length || 1;
      at = (at + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    const rule = list.children[at]?.textContent ?? matching(rules, field.value)[0];
    if (rule && field.value.trim()) field.value = rule;
    else if (rule && !list.hidden) field.value = rule;
    else {
      event.preventDefault();
      event.stopImmediatePropagation();
      say(field.value.trim() ? "No rule is called so." : "Type a part of the rule's name.", { trouble: true });
      field.focus();
    }
  });
}

/** Returns the rules that hold every word, those whose own name begins so first; as `vsortd review` finds them. */
function matching(rules, text) {
  const words = text.normalize("NFC").toLowerCase().split(/\s+/).filter(Boolean);
  const begins = words.join(" ");
  const own = (rule) => rule.toLowerCase().split("/").pop();
  const found = rules.filter((rule) => words.every((word) => rule.toLowerCase().includes(word)));
  return found.sort((a, b) => own(b).startsWith(begins) - own(a).startsWith(begins)).slice(0, MOST);
}
