// Runs before each test file that shares a process: its numbers start anew, like its database.

import { restartNumbers } from './fresh.ts';

restartNumbers();
