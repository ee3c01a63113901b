import { make } from "./element.js";
import { lineSample } from "./format.js";

/** The servers with their lines; a click on one shows it alone, another click shows all again. */
export function fillLegend(
  home: HTMLElement,
  names: readonly string[],
  showAlone: (name: string | undefined) => void,
): void {
  const buttons = names.map((name, index) => {
    const button = make("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(lineSample(index), name);
    button.addEventListener("click", () => {
      const isAlone = button.getAttribute("aria-pressed") === "true";
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button && !isAlone));
      showAlone(isAlone ? undefined : name);
    });
    return button;
  });
  home.replaceChildren(
    ...buttons.map((button) => {
      const item = make("li");
      item.append(button);
      return item;
    }),
  );
}
