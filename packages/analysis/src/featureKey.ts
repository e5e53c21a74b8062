/** Names a slice in the feature cache; whether its pixels are still the same is told by the pixel digest. */
export const featureKey = (sopInstanceUid: string, frameNumber: number): string => `${sopInstanceUid}#${frameNumber}`;
