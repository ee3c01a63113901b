import { testSecrets } from "./secrets-random.js";

testSecrets({ ofUrls: 4, ofProcesses: 2 });
