// Makes the elements of the training panel.

/**
 * A new element of HTML.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {Array<Node | string>} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function elementOf(tag, attributes = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * A button with text.
 * @param {string} text
 * @param {() => void} onClick
 * @param {Record<string, string>} attributes
 * @returns {HTMLButtonElement}
 */
export function buttonOf(text, onClick, attributes = {}) {
  const button = elementOf("button", { type: "button", ...attributes }, [text]);
  button.addEventListener("click", onClick);
  return button;
}
