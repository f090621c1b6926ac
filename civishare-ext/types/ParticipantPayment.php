<?php

/**
 * Which contribution paid for whose taking part in an event.
 */
return [
  'name' => 'civishare.change.participant_payment.base',
  'entity' => 'ParticipantPayment',
  'dao' => 'CRM_Event_DAO_ParticipantPayment',
  'table' => 'civicrm_participant_payment',
  'writer' => \Civi\Share\Apply\PaymentLinkWriter::class,
  'unique' => [['participant_id', 'contribution_id']],
  'attributes' => [
    'participant_id' => ['kind' => 'reference', 'refers' => 'Participant', 'required' => TRUE, 'parent' => TRUE],
    'contribution_id' => ['kind' => 'reference', 'refers' => 'Contribution', 'required' => TRUE, 'parent' => TRUE],
  ],
];
