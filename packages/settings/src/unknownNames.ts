/** Names that no setting has: a typing error would go unnoticed otherwise, and its setting keep the default. */
import leven from 'leven';
import type { Given } from './setting.ts';
import { NAMES_OF_OTHERS, SETTINGS } from './settings.ts';

/** One problem for each, with the known name that is nearest. */
export function unknownNames(given: Given): { name: string; problem: string }[] {
  return Object.entries(given)
    .filter(([name, { place }]) => !(name in SETTINGS) && !(place === null && NAMES_OF_OTHERS.includes(name)))
    .map(([name]) => ({
      name,
      problem: `${name} is not a setting of Ichor. Did you mean ${nearest(name)}? \`ichor doctor\` lists all`,
    }));
}

/** By the number of letters to change, without the prefix: nearly all share it, and a name in a file may lack it. */
function nearest(name: string): string {
  const bare = (text: string): string => text.toUpperCase().replace(/^ICHOR_/, '');
  const distance = (known: string): number => leven(bare(name), bare(known));
  return Object.keys(SETTINGS).reduce((best, known) => (distance(known) < distance(best) ? known : best));
}
