/** An element with its class and its text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  text = "",
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** Changes the text of an element only where it is another: what a person has selected in it stays selected. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sends `body` as JSON. Resolves with `undefined` where the demo does not answer. */
export function postJson(path: string, body: unknown, signal?: AbortSignal): Promise<Response | undefined> {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", body: JSON.stringify(body), headers, ...(signal && { signal }) };
  return fetch(path, init).catch(() => undefined);
}
