<?php
// What PHP itself makes of a request before a script runs.
header('Content-Type: application/json');
echo json_encode([
    'query' => $_GET['access_token'] ?? null,
    'form' => $_POST['access_token'] ?? null,
    'both' => [$_REQUEST['access_token'] ?? null, filter_input(INPUT_GET, 'access_token')],
    'cookie' => [$_COOKIE['sts_token'] ?? null, $_REQUEST['sts_token'] ?? null],
    'header' => $_SERVER['HTTP_X_TARGET'] ?? null,
], JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR);
