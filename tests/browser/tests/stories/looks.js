// Measures the page: { lang, title, headings, width, texts: [{ text, contrast }], focus: { width, contrast } }.
// Contrasts are those of WCAG 2. `width` is what the page takes: a phone zooms out to show a page that is too wide, so
// `innerWidth` would grow with it.
(() => {
  const channels = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  // What the browser paints where no style says anything: white, or nearly black in the dark.
  const probe = document.body.appendChild(document.createElement('i'));
  probe.style.backgroundColor = 'Canvas';
  const canvas = channels(getComputedStyle(probe).backgroundColor).rgb;
  probe.remove();
  // The colour behind an element: its own, or that of the nearest ancestor which has one.
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { rgb, a } = channels(getComputedStyle(at).backgroundColor);
      if (a === 1) return rgb;
    }
    return canvas;
  };
  const texts = [...document.body.querySelectorAll('*')]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => ({
      text: element.textContent.trim(),
      contrast: contrast(channels(getComputedStyle(element).color).rgb, behind(element)),
    }));
  const focused = document.activeElement;
  const outline = getComputedStyle(focused);
  return {
    lang: document.documentElement.lang,
    title: document.title,
    headings: document.querySelectorAll('h1').length,
    width: document.documentElement.scrollWidth,
    texts,
    focus: focused === document.body || outline.outlineStyle === 'none' ? null : {
      width: parseFloat(outline.outlineWidth),
      contrast: contrast(channels(outline.outlineColor).rgb, behind(focused.parentElement)),
    },
  };
})()
