/** Class maps from weights and activations: ReLU(Σₖ wₖ Aₖ) (Selvaraju et al. 2017, eq. 2). Pure. */

/** @param weights [F] @param activations [F, places] @returns [places] */
export function weightedMap(weights: Float32Array, activations: Float32Array): Float32Array {
  const places = activations.length / weights.length;
  const map = new Float32Array(places);
  for (let feature = 0; feature < weights.length; feature++) {
    const weight = weights[feature]!;
    for (let place = 0; place < places; place++) map[place]! += weight * activations[feature * places + place]!;
  }
  return map.map((value) => Math.max(0, value));
}
