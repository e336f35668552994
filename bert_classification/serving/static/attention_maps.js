// The weights of attention: read from an answer, put into words, drawn small.
import { percent } from "./elements.js";

/** A row of `POST /attention`: its pieces, and the weights of a head, in parts of 255, `from * pieces + to`. */
export function readRow({ pieces, weights }, heads) {
  const text = atob(weights);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  const area = pieces.length ** 2;
  return { pieces, map: (layer, head) => bytes.subarray((layer * heads + head) * area).subarray(0, area) };
}

/** What a head looks at most, of what heads are known to look at. */
export function aim({ pieces, map }, layer, head) {
  const weights = map(layer, head);
  const size = pieces.length;
  const separators = [...pieces.keys()].filter((at) => pieces[at] === pieces.at(-1));
  const aims = {
    itself: (from) => [from],
    "the piece before": (from) => [from - 1],
    "the piece after": (from) => [from + 1],
    [pieces[0]]: () => [0],
    [pieces.at(-1)]: () => separators,
  };
  const shares = Object.entries(aims).map(([name, targets]) => {
    const looked = [...pieces.keys()].map((from) =>
      targets(from)
        .filter((to) => to >= 0 && to < size)
        .map((to) => weights[from * size + to]),
    );
    return [name, looked.flat().reduce((sum, each) => sum + each, 0) / 255 / size];
  });
  const [name, share] = shares.reduce((best, each) => (each[1] > best[1] ? each : best));
  return share < 0.3 ? "looks at many pieces" : `looks most at ${name}, ${percent(share)}`;
}

/** Draws the weights of a head, a dot for each: from above down who looks, from left to right at whom. */
export function draw(canvas, weights) {
  const size = (canvas.width = canvas.height = Math.sqrt(weights.length));
  const [red, green, blue] = getComputedStyle(document.documentElement).getPropertyValue("--shade").trim().split(" ");
  const image = new ImageData(size, size);
  weights.forEach((weight, at) => image.data.set([red, green, blue, Math.sqrt(weight / 255) * 255], at * 4));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
