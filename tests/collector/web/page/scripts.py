"""JavaScript that tests run in the page."""

# The ratio of contrast of WCAG 2.2 (1.4.3) for each text that is seen, against the colours that are painted behind it. Hatched and
# transparent backgrounds count as the nearest plain one behind them. Texts of 24 px, or of 18.66 px and bold, need 3, others 4.5.
POOR_CONTRAST = """(() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => { const layers = [];
    for (let e = element; e && layers.at(-1)?.[3] !== 1; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]); };
  const found = [];
  const walker = document.createTreeWalker(document.getElementById('app'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ checkOpacity: true })) continue;
    if (!element.getClientRects().length || element.closest('option, .skip')) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const [a, b] = [light(over(rgba(style.color), back)), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < needed) found.push(`${walker.currentNode.data.trim().slice(0, 30)} (${element.className}): ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
})()"""

# Everything that a hand must hit is at least 24 by 24 px, or has so much room around it (WCAG 2.2, 2.5.8); links in sentences are exempt.
SMALL_TARGETS = """[...document.querySelectorAll('button, select, input, .rack, .cdu, .chips a, .nav a')].filter((e) => e.checkVisibility())
  .map((e) => [e.getBoundingClientRect(), e]).filter(([r]) => r.height < 24 || r.width < 24)
  .map(([r, e]) => `${e.outerHTML.slice(0, 60)} ${r.width}x${r.height}`)"""

# Texts that stand letter below letter: a name in a column of less than five letters.
NARROW = """[...document.querySelectorAll('main :is(td, th)')].filter((e) => e.checkVisibility() && e.innerText.length > 4)
  .filter((e) => e.clientWidth < 2.5 * parseFloat(getComputedStyle(e).fontSize)).map((e) => e.innerText)"""

TOO_WIDE = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"

# Texts whose capitals are lower than 1/200 of the screen: on a wall 1.2 m high 6 mm, the least that is read from some metres.
SMALL_LETTERS = """[...document.querySelectorAll('#app *')].filter((e) => e.checkVisibility() && !e.closest('.sr, .skip, svg')
    && [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim())
    && parseFloat(getComputedStyle(e).fontSize) * 0.7 < innerHeight / 200).map((e) => e.textContent)"""

# Texts that are cut off at the edge of their box although nothing says so.
CUT_TEXTS = """[...document.querySelectorAll('.rack .value, .rack .id, .card h3, .answers td, .answers th, .totals b')]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
  .map((e) => e.textContent)"""

SHOWN_KIND = "document.documentElement.dataset.state"

# Keeps the texts announced to a screen reader, in `said`.
LISTEN = """(() => { const live = document.getElementById('live'); globalThis.said = '';
  new MutationObserver(() => { globalThis.said += live.textContent + '. '; })
    .observe(live, { childList: true, characterData: true, subtree: true }); })()"""

CHOOSE_FRENCH = """(() => { const choice = document.getElementById('choose-language'); choice.value = 'fr';
  choice.dispatchEvent(new Event('change', { bubbles: true })); })()"""

# The column of problems where two have ended: one in a rack that is observed, one in a rack that is not. BASE is the files' address.
ENDED_OUT_OF_SIGHT = """Promise.all(['problems', 'dom', 'words', 'format'].map((name) => import(`${BASE}${name}.js`)))
  .then(([p, d, w, f]) => {
  const now = Date.now(), ago = (ms) => new Date(now - ms).toISOString(), place = document.createElement('div');
  const ended = (rack) => ({
    id: rack, name: 'DcimSmoke', severity: 'critical', labels: { rack, device: 'vesda' }, since: ago(90000), ended: ago(30000) });
  d.show(place, [p.problemColumn({
    problems: { causes: [], problems: {}, more: 0, complete: true }, timesLeft: new Map(),
    history: { items: [ended('b1'), ended('b2')] },
    floor: { rows: [], racks: { b1: { observed: true }, b2: { observed: false } } }, site: null,
    stream: { link: { state: 'live' } },
    words: new w.Words('en'), format: new f.Format('en'), now, short: (labels) => labels })]);
  return [...place.querySelectorAll('.cleared .card')].map((card) => card.textContent);
})"""
