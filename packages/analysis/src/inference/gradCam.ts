/** Maps of the last layer from weights and activations: ReLU(Σₖ wₖ Aₖ) (Selvaraju et al. 2017, eq. 2). Pure. */

/** @param weights [T, F] @param features F @param activations [F, places] @returns [T, places] */
export function lastLayerMaps(weights: Float32Array, features: number, activations: Float32Array): Float32Array {
  const places = activations.length / features;
  const maps = new Float32Array((weights.length / features) * places);
  for (const [index, weight] of weights.entries()) {
    const first = Math.floor(index / features) * places;
    const from = (index % features) * places;
    for (let place = 0; place < places; place++) maps[first + place]! += weight * activations[from + place]!;
  }
  return maps.map((value) => Math.max(0, value));
}
