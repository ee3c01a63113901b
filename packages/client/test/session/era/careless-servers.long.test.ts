import { testAnswers } from "./careless-servers.js";

testAnswers(30);
