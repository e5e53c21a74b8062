/** What can be attacked, by name. */
import type { Target } from './target.ts';
import { dimse } from './targets/dimse.ts';
import { hl7 } from './targets/hl7.ts';
import { http } from './targets/http.ts';
import { pacs } from './targets/pacs.ts';
import { part10 } from './targets/part10.ts';

export const TARGETS: Readonly<Record<string, Target>> = { dimse, part10, http, hl7, pacs };
