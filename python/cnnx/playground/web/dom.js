// Descriptions of elements, and a function that changes only what differs from the page.

/**
 * @typedef {{tag: string, attributes: Record<string, any>, children: (Description | string)[]}}
 *   Description
 * @typedef {Description | string | number | null | undefined | false | Child[]} Child
 */

// Attributes that are set as properties, because the user can change them.
const LIVE_PROPERTIES = new Set(["value", "checked", "disabled", "open", "selected", "hidden"]);

/** @type {WeakMap<Element, Record<string, any>>} */
const renderedAttributes = new WeakMap();

/**
 * Describe an element. An attribute that begins with "on" is a handler, `draw` is called with the
 * element after each rendering, and `opaque` leaves the children to other code.
 * @param {string} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...Child} children
 * @returns {Description}
 */
export function element(tag, attributes, ...children) {
  return { tag, attributes: attributes ?? {}, children: flatChildren(children) };
}

/**
 * Give an element the described children. Nodes that fit already stay, so that a second rendering
 * with other numbers changes texts only.
 * @param {Element} parent
 * @param {...Child} children
 */
export function render(parent, ...children) {
  renderChildren(parent, flatChildren(children));
}

/**
 * Make an element that is no description's.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function made(tag, attributes, ...children) {
  const node = document.createElement(tag);
  renderElement(node, element(tag, attributes, ...children));
  return node;
}

/**
 * The element with an id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`byId: the page has no element ${id}`);
  return found;
}

/**
 * @param {Child[]} children
 * @returns {(Description | string)[]}
 */
function flatChildren(children) {
  /** @type {(Description | string)[]} */
  const flat = [];
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) flat.push(...flatChildren(child));
    else flat.push(typeof child === "number" ? String(child) : child);
  }
  return flat;
}

/**
 * @param {Element} parent
 * @param {(Description | string)[]} children
 */
function renderChildren(parent, children) {
  children.forEach((child, place) => {
    const existing = parent.childNodes[place];
    if (typeof child === "string") {
      if (!(existing instanceof Text)) replaceNode(parent, new Text(child), existing);
      else if (existing.data !== child) existing.data = child;
      return;
    }
    const fits = existing instanceof HTMLElement && existing.localName === child.tag;
    const node = fits ? existing : document.createElement(child.tag);
    if (!fits) replaceNode(parent, node, existing);
    renderElement(node, child);
  });
  while (parent.childNodes.length > children.length) parent.lastChild?.remove();
}

/**
 * @param {Element} parent
 * @param {Element | Text} node
 * @param {ChildNode | undefined} existing
 */
function replaceNode(parent, node, existing) {
  if (existing) existing.replaceWith(node);
  else parent.append(node);
}

/**
 * @param {HTMLElement} node
 * @param {Description} description
 */
function renderElement(node, description) {
  const { attributes, children } = description;
  const before = renderedAttributes.get(node) ?? {};
  if (!attributes.opaque) renderChildren(node, children);
  for (const name of Object.keys(before)) {
    if (!(name in attributes)) setAttribute(node, name, null);
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "draw" || name === "opaque") continue;
    if (LIVE_PROPERTIES.has(name) || before[name] !== value) setAttribute(node, name, value);
  }
  renderedAttributes.set(node, attributes);
  if (attributes.draw) attributes.draw(node);
}

/**
 * @param {HTMLElement} node
 * @param {string} name
 * @param {any} value
 */
function setAttribute(node, name, value) {
  const properties = /** @type {any} */ (node);
  if (name.startsWith("on")) {
    properties[name] = value;
  } else if (LIVE_PROPERTIES.has(name) && name in node) {
    const isEdited = name === "value" && document.activeElement === node;
    if (!isEdited && properties[name] !== value) properties[name] = value ?? "";
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? "" : String(value));
  }
}
