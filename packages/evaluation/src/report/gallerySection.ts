/** The worst errors, for eyes: the slice that scored highest, what the model looked at, and the scores along the stack. */
import type { DrawnError, ErrorImage } from '../gallery/drawErrors.ts';
import { count, decimal } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { type Profile, sliceProfile } from './intervalBar.ts';
import { findingName } from './words.ts';

export type Gallery = { readonly drawn: readonly DrawnError[]; readonly missed: number; readonly falseAlarms: number };

export function gallerySection({ drawn, missed, falseAlarms }: Gallery): Html {
  return html`<h2>Worst errors</h2>
<p>Any hemorrhage, default thresholds: ${count(missed, 'scan')} missed, ${count(falseAlarms, 'false alarm')}. ${drawn.length > 0 && html`Shown are ${drawn.length === missed + falseAlarms ? 'all' : 'the furthest from the truth'}, each with the slice that scored highest, and where a bleed was missed also the highest slice that is labelled positive; beside them the Grad-CAM (brain window, 0–80 HU). Below, the probability along the stack: shaded slices are labelled positive, the dashed line is the threshold.`}</p>
<div class="gallery">${drawn.map(errorCard)}</div>`;
}

function errorCard({ kind, studyInstanceUid, score, threshold, labelled, profile, images }: DrawnError): Html {
  const shows = labelled.map((name) => findingName(name).toLowerCase()).join(', ');
  return html`<article class="error"><h3><span class="kind">${kind === 'missed' ? 'Missed' : 'False alarm'}</span> ${decimal(score)}, threshold ${decimal(threshold)}</h3>
<p class="note">Labelled: ${shows || (kind === 'missed' ? 'hemorrhage' : 'no hemorrhage')}.</p>
${images.length === 0 && html`<p class="note">The model gives no heat map here.</p>`}
${images.map((image) => imagePair(image, profile))}
${sliceProfile(
  profile,
  threshold,
  images.map(({ sliceIndex }) => sliceIndex),
)}
<p class="uid quiet">${studyInstanceUid}</p></article>`;
}

function imagePair({ sliceIndex, slice, heatmap }: ErrorImage, profile: Profile): Html {
  const { labelled, probability } = profile[sliceIndex]!;
  const highest = Math.max(...profile.map((one) => one.probability)) === probability;
  const label = labelled === null ? '' : `, labelled ${labelled ? 'positive' : 'negative'}`;
  const what = highest ? 'the highest of all' : 'the highest that is labelled positive';
  return html`<figure><div class="pair"><img alt="Slice ${sliceIndex + 1} of ${profile.length}, brain window" src="${dataUrl(slice)}"><img alt="The same slice with its Grad-CAM" src="${dataUrl(heatmap)}"></div>
<figcaption>Slice ${sliceIndex + 1} of ${profile.length}: ${decimal(probability)}, ${what}${highest && label}</figcaption></figure>`;
}

const dataUrl = (jpeg: Buffer): string => `data:image/jpeg;base64,${jpeg.toString('base64')}`;
