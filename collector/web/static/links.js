// Addresses within the page. All views live at one path, so that it works below any prefix of a reverse proxy.

const KEPT = ["site", "lang", "theme", "wall"];
const VIEWS = ["device", "rack", "problem", "figure", "total", "devices", "agents"];

/** What an address asks for: {view, id, parameters}. */
export function readLink(search) {
  const parameters = new URLSearchParams(search);
  const view = VIEWS.find((name) => parameters.has(name)) ?? "floor";
  return { view, id: parameters.get(view) ?? "", parameters };
}

/** An address of this page that keeps the site, the language, the colours and the wall. */
export function linkTo(parameters) {
  const query = new URLSearchParams();
  const now = new URLSearchParams(location.search);
  for (const name of KEPT) if (now.has(name)) query.set(name, now.get(name));
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString().replace(/=(?=&|$)/g, "");
  return text ? `?${text}` : "./";
}

/** The address of the view that explains a figure. */
export function figureLink(figure) {
  return linkTo({ ...Object.fromEntries(Object.entries(figure.labels ?? {}).map(([name, value]) => [`label.${name}`, value])), figure: figure.metric });
}

/** An address from outside, if it leads to a page and runs nothing. */
export function outerLink(address) {
  return /^https?:\/\//.test(address) ? address : null;
}
