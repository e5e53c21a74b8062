/**
 * Whether Hounsfield units are those of a head, whatever the header says of rescale, bits, sign and photometric interpretation
 * (docs/adr, "Hounsfield units must be those of a head"). Pure.
 */

/** Counts over one slice. */
export type Census = {
  readonly pixels: number;
  /** Below −500 HU. */
  readonly air: number;
  /** 0 to 80 HU. */
  readonly soft: number;
  /** Above 300 HU. */
  readonly bone: number;
  /** Above 4000 HU, denser than bone and teeth. */
  readonly beyond: number;
  /** Neighbours in a row of which one is below −1100 HU, the other above 300 HU. */
  readonly wrapped: number;
  /** Pixels of each Hounsfield unit from {@link LOWEST_HU} to {@link HIGHEST_HU}. */
  readonly histogram: Uint32Array;
};

const [LOWEST_HU, HIGHEST_HU] = [-150, 200];
const AIR_BELOW_HU = -500;
const [SOFT_FROM_HU, SOFT_TO_HU] = [0, 80];
const BONE_ABOVE_HU = 300;
const BEYOND_HU = 4_000;
const WRAPPED_BELOW_HU = -1_100;

/** Of fewer pixels a slice shares say nothing; selection refuses such coarse slices by their Pixel Spacing. */
const LEAST_PIXELS = 24 ** 2;
/** Shares that hold for every head that was measured, with room to spare. */
const LEAST_AIR = 0.02;
const LEAST_SOFT_OF_TISSUE = 0.2;
const LEAST_BONE_OF_TISSUE = 0.01;
const MOST_BEYOND = 0.01;
const MOST_WRAPPED = 0.003;
/** Where the brain's peak lies; heads have it from 23 to 50 HU. */
const [LEAST_PEAK_HU, MOST_PEAK_HU] = [12, 65];
const SMOOTHING = 4;

/** @param hu int16 [rows × columns] */
export function takeCensus(hu: Int16Array, columns: number): Census {
  const histogram = new Uint32Array(HIGHEST_HU - LOWEST_HU + 1);
  let [air, soft, bone, beyond, wrapped] = [0, 0, 0, 0, 0];
  for (let index = 0; index < hu.length; index++) {
    const value = hu[index]!;
    const isExtreme = value > BONE_ABOVE_HU || value < WRAPPED_BELOW_HU;
    if (isExtreme && index % columns > 0 && isWrapped(hu[index - 1]!, value)) wrapped++;
    if (value < AIR_BELOW_HU) air++;
    else if (value > BONE_ABOVE_HU) {
      bone++;
      if (value > BEYOND_HU) beyond++;
    } else if (value >= LOWEST_HU && value <= HIGHEST_HU) {
      histogram[value - LOWEST_HU]!++;
      if (value >= SOFT_FROM_HU && value <= SOFT_TO_HU) soft++;
    }
  }
  return { pixels: hu.length, air, soft, bone, beyond, wrapped, histogram };
}

const isWrapped = (one: number, other: number): boolean =>
  (one < WRAPPED_BELOW_HU && other > BONE_ABOVE_HU) || (other < WRAPPED_BELOW_HU && one > BONE_ABOVE_HU);

/** What is implausible of a stack, as a clause that names the figure; null when nothing is. */
export function implausibility(slices: readonly Census[]): string | null {
  if (slices.some(({ pixels }) => pixels < LEAST_PIXELS)) return null;
  const wrapped = slices.findIndex((slice) => slice.wrapped > MOST_WRAPPED * slice.pixels);
  if (wrapped !== -1)
    return `in slice ${wrapped + 1} bone lies next to values below air, as where values wrap round: see Bits Stored and Pixel Representation`;
  const sum = (of: (slice: Census) => number): number => slices.reduce((total, slice) => total + of(slice), 0);
  const [pixels, air, beyond] = [sum((one) => one.pixels), sum((one) => one.air), sum((one) => one.beyond)];
  const tissue = pixels - air;
  const [soft, bone] = [sum((one) => one.soft) / tissue, sum((one) => one.bone) / tissue];
  if (air < LEAST_AIR * pixels) return `only ${percent(air / pixels)} of the pixels are air (below −500 HU)`;
  if (beyond > MOST_BEYOND * pixels) return `${percent(beyond / pixels)} of the pixels are above 4000 HU`;
  if (!(soft >= LEAST_SOFT_OF_TISSUE)) return `only ${percent(soft)} of what is no air is soft tissue (0 to 80 HU)`;
  if (bone < LEAST_BONE_OF_TISSUE) return `only ${percent(bone)} of what is no air is bone (above 300 HU)`;
  const peakHu = peakOf(slices);
  return peakHu < LEAST_PEAK_HU || peakHu > MOST_PEAK_HU
    ? `most soft tissue lies at ${peakHu} HU, where brain has 20 to 50 HU`
    : null;
}

/** The most frequent Hounsfield unit from −150 to 200, smoothed. */
function peakOf(slices: readonly Census[]): number {
  const length = HIGHEST_HU - LOWEST_HU + 1;
  const total = Array.from({ length }, (_, at) => slices.reduce((sum, { histogram }) => sum + histogram[at]!, 0));
  const smooth = total.map((_, at) =>
    total.slice(Math.max(0, at - SMOOTHING), at + SMOOTHING + 1).reduce((sum, count) => sum + count, 0),
  );
  return LOWEST_HU + smooth.indexOf(Math.max(...smooth));
}

const percent = (share: number): string => `${((share || 0) * 100).toFixed(1)} %`;
