/** The worst errors, for eyes: the slice that scored highest, what the model looked at, and the scores along the stack. */
import type { DrawnError } from '../gallery/drawErrors.ts';
import { count, decimal } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { sliceProfile } from './intervalBar.ts';
import { findingName } from './words.ts';

export type Gallery = { readonly drawn: readonly DrawnError[]; readonly missed: number; readonly falseAlarms: number };

export function gallerySection({ drawn, missed, falseAlarms }: Gallery): Html {
  return html`<h2>Worst errors</h2>
<p>Any hemorrhage, default thresholds: ${count(missed, 'scan')} missed, ${count(falseAlarms, 'false alarm')}. ${drawn.length > 0 && html`Shown are ${drawn.length === missed + falseAlarms ? 'all' : 'the furthest from the truth'}, each with the slice that scored highest (brain window, 0–80 HU) and its Grad-CAM. Below, the probability along the stack: shaded slices are labelled positive, the dashed line is the threshold.`}</p>
<div class="gallery">${drawn.map(errorCard)}</div>`;
}

function errorCard({ kind, studyInstanceUid, score, threshold, labelled, profile, images }: DrawnError): Html {
  const slice = images === null ? undefined : profile[images.sliceIndex];
  return html`<article class="error"><h3><span class="kind">${kind === 'missed' ? 'Missed' : 'False alarm'}</span> ${decimal(score)}, threshold ${decimal(threshold)}</h3>
<p class="note">Labelled: ${labelled.length > 0 ? labelled.map((name) => findingName(name).toLowerCase()).join(', ') : kind === 'missed' ? 'hemorrhage' : 'no hemorrhage'}. ${slice !== undefined && slice.labelled !== null && `The slice shown is labelled ${slice.labelled ? 'positive' : 'negative'}.`}</p>
${
  images === null
    ? html`<p class="note">The model gives no heat map here.</p>`
    : html`<div class="pair"><img alt="Slice ${images.sliceIndex + 1} of ${profile.length}, brain window" src="${dataUrl(images.slice)}"><img alt="The same slice with its Grad-CAM" src="${dataUrl(images.heatmap)}"></div>`
}
${sliceProfile(profile, threshold, images?.sliceIndex ?? null)}
<p class="uid quiet">${studyInstanceUid}</p></article>`;
}

const dataUrl = (jpeg: Buffer): string => `data:image/jpeg;base64,${jpeg.toString('base64')}`;
