// Which task is open, as it stands in the URL.
import * as z from "zod/mini";

import { searchValidator, textParam } from "@/lib/search";

export const tasksSearch = searchValidator(z.object({ task: textParam }));
